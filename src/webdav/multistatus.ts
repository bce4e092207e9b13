/** A 207 written as it is made: one root declaration, one prefix, no indentation; long ones leave in pieces. */
import { StreamedBody } from '../http/streamed-body.js';
import type { DavContext } from './dav-context.js';
import { xmlContentType, xmlDeclaration } from './xml/xml-writer.js';

export class Multistatus {
  readonly #body: StreamedBody;

  constructor({ response }: DavContext) {
    response.statusCode = 207;
    response.setHeader('Content-Type', xmlContentType);
    this.#body = new StreamedBody(response);
    this.#body.push(`${xmlDeclaration}<D:multistatus xmlns:D="DAV:">`);
  }

  /** One entry; `href` is percent-encoded. True when `flush` should be awaited. */
  push(href: string, propstats: string): boolean {
    return this.#body.push(`<D:response><D:href>${href}</D:href>${propstats}</D:response>`);
  }

  flush(): Promise<void> {
    return this.#body.flush();
  }

  end(): void {
    this.#body.push('</D:multistatus>');
    this.#body.end();
  }
}
