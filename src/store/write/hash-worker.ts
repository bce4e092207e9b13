/** SHA-256 in a thread of its own. Tasks are answered in their order; bytes come in shared memory or by transfer. */
import { parentPort } from 'node:worker_threads';
import { type HashTask, HashTasks } from './hash-tasks.js';

const tasks = new HashTasks();
parentPort?.on('message', (task: HashTask) => parentPort?.postMessage(tasks.answer(task)));
