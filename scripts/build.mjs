/** npm run build */
import { prepare } from './bootstrap.mjs';

await prepare({ rebuild: true });
