/** Requests that a web page of somebody else starts, and host names that are not ours. */
import { plain, type Row } from './row.js';

export const origins: Row[] = [
  ['a foreign Host', 'GET /home/canary HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421],
  ['a foreign Host with our port', 'DELETE /home/canary HTTP/1.1\r\nHost: evil.example:4918\r\n\r\n', 421],
  ['an address that is not ours', 'GET /home/canary HTTP/1.1\r\nHost: 192.168.1.7\r\n\r\n', 421],
  ['a name that looks like loopback', 'GET /home/canary HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n', 421],
  ['a foreign Origin', plain('PUT /home/x', 'Origin: http://evil.example\r\nContent-Length: 1\r\n', 'x'), 403],
  [
    'an Origin of another port',
    plain('PUT /home/x', 'Origin: http://localhost:3000\r\nContent-Length: 1\r\n', 'x'),
    403,
  ],
  [
    'an Origin that the request says was forwarded',
    plain(
      'PUT /home/x',
      'Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\nContent-Length: 1\r\n',
      'x',
    ),
    403,
  ],
  ['Origin null', plain('DELETE /home/canary', 'Origin: null\r\n'), 403],
  [
    'a preflight',
    plain('OPTIONS /home/', 'Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT\r\n'),
    403,
  ],
  [
    'a cross-site write',
    plain('DELETE /home/canary', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n'),
    403,
  ],
  ['a cross-site read', plain('GET /home/canary', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n'), 403],
  [
    'another port of this computer',
    plain('GET /home/canary', 'Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n'),
    403,
  ],
  ['a form', plain('POST /home/x', 'Content-Type: text/plain\r\nContent-Length: 1\r\n', 'x'), 405],
];
