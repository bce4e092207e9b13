import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { User } from '../../src/access/access.js';
import { CredentialCache } from '../../src/access/credential-cache.js';
import { systemRandom } from '../../src/core/random.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { processorMs } from '../support/processor-ms.js';
import { basic, closeFixture, Door, digest, nonceOf, realm, user } from './access-fixture.js';

after(closeFixture);
const ana = await user('ana', 'right p\u00e4ss:word');
const ben = await user('b\u00e9n', 'other', 'read');
const plain = { isSecure: false };
const local = { isSecure: false, isLoopback: true, address: '127.0.0.1' };

describe('access by Basic', () => {
  it('admits who knows the password, with the rights of the user', async (context) => {
    const door = new Door(context, [ana, ben]);
    assert.deepEqual(await door.ask(basic('ana', 'right p\u00e4ss:word')), {
      kind: 'admitted',
      name: 'ana',
      mayWrite: true,
    });
    assert.deepEqual(await door.ask(basic('b\u00e9n', 'other')), {
      kind: 'admitted',
      name: 'b\u00e9n',
      mayWrite: false,
    });
  });

  it('takes passwords and names in any Unicode form, and bytes of old clients', async (context) => {
    const door = new Door(context, [ana, ben]);
    assert.equal(await door.kind(basic('ana', 'right pa\u0308ss:word')), 'admitted');
    assert.equal(await door.kind(basic('be\u0301n', 'other')), 'admitted');
    const latin = Buffer.from('ana:right p\u00e4ss:word', 'latin1').toString('base64');
    assert.equal(await door.kind(`Basic ${latin}`), 'admitted');
  });

  it('answers a wrong password and an unknown user alike', async (context) => {
    const door = new Door(context, [ana]);
    const wrong = await door.ask(basic('ana', 'wrong'));
    const unknown = await door.ask(basic('eve', 'wrong'));
    assert.deepEqual(wrong, unknown);
    assert.deepEqual(wrong, { kind: 'challenged', challenges: [`Basic realm="${realm}", charset="UTF-8"`] });
  });

  it('spends the time of a hash on unknown users too', async (context) => {
    const door = new Door(context, [ana]);
    const timed = async (name: string) => {
      const before = performance.now();
      await door.ask(basic(name, 'wrong'), local);
      return performance.now() - before;
    };
    const times = { ana: [] as number[], eve: [] as number[] };
    await timed('ana'); // The thread has started.
    const shortest = (name: keyof typeof times) => Math.min(...times[name]);
    // A busy machine makes some of them longer, and none shorter.
    for (let round = 0; round < 40 && !(round >= 5 && shortest('eve') > shortest('ana') / 3); round++)
      for (const name of ['ana', 'eve'] as const) times[name].push(await timed(name));
    const [known, unknown] = [shortest('ana'), shortest('eve')];
    assert.ok(unknown > known / 3, `${unknown} ms for an unknown user, ${known} ms for a wrong password`);
  });

  it('is not taken where others can listen', async (context) => {
    const door = new Door(context, [ana]);
    const verdict = await door.ask(basic('ana', 'right p\u00e4ss:word'), plain);
    assert.ok(verdict.kind === 'challenged');
    assert.ok(verdict.challenges.every((challenge) => challenge.startsWith('Digest ')));
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word'), local), 'admitted');
  });

  it('refuses what is no header of the kind', async (context) => {
    const door = new Door(context, [ana]);
    const long = basic('ana', 'x'.repeat(1_000_000));
    for (const header of [
      '',
      'Basic',
      'Basic ',
      'Basic !!',
      'Basic YW5h',
      'Bearer x',
      'Basic YQ== YQ==',
      long,
      basic('', ''),
    ]) {
      assert.equal(await door.kind(header), 'challenged', header.slice(0, 40));
    }
    assert.equal(await door.kind(basic('ana\0', 'x')), 'challenged');
  });

  it('forgets a password that was right as soon as the user changes or goes', async (context) => {
    const door = new Door(context, [ana, ben]);
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word')), 'admitted');
    door.users = [await user('ana', 'new'), ben];
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word')), 'challenged');
    assert.equal(await door.kind(basic('ana', 'new')), 'admitted');
    door.users = [{ ...door.users[0]!, rights: 'read' }, ben];
    assert.deepEqual(await door.ask(basic('ana', 'new')), { kind: 'admitted', name: 'ana', mayWrite: false });
    door.users = [ben];
    assert.equal(await door.kind(basic('ana', 'new')), 'challenged');
  });

  it('takes no old password for what was asked after a change, whatever is still being checked', async (context) => {
    const door = new Door(context, [ana]);
    const changed = await user('ana', 'new');
    const header = basic('ana', 'right p\u00e4ss:word');
    const before = door.kind(header);
    await settle();
    door.users = [changed];
    const after = door.kind(header);
    assert.deepEqual(await Promise.all([before, after]), ['admitted', 'challenged']);
  });

  it('asks for no second hash within minutes, nor for many connections at once', async (context) => {
    const door = new Door(context, [ana]);
    const header = basic('ana', 'right p\u00e4ss:word');
    const began = processorMs();
    await door.kind(header);
    const oneHash = processorMs() - began;
    await door.clock.advance(4 * 60_000);
    const again = processorMs();
    for (let index = 0; index < 100; index++) assert.equal(await door.kind(header), 'admitted');
    assert.ok(processorMs() - again < 5 * oneHash, 'a hundred requests cost less than five hashes');
    await door.clock.advance(2 * 60_000);
    const atOnce = processorMs();
    await Promise.all(Array.from({ length: 50 }, () => door.kind(header)));
    assert.ok(processorMs() - atOnce < 25 * oneHash, 'fifty connections share one');
  });
});

describe('the passwords kept', () => {
  it('count while they are used, five minutes more, and for the same credentials only', async () => {
    const clock = new ManualClock();
    const cache = new CredentialCache(clock, systemRandom);
    const key = cache.keyOf('ana', 'word');
    cache.add(key, 'kept');
    for (let minute = 0; minute < 60; minute += 4) {
      await clock.advance(4 * 60_000);
      assert.equal(cache.has(key, 'kept'), true);
      assert.equal(cache.has(key, 'changed'), false);
      assert.equal(cache.has(cache.keyOf('ana', 'other'), 'kept'), false);
    }
    await clock.advance(5 * 60_000);
    assert.equal(cache.has(key, 'kept'), false);
  });

  it('are bounded, and those in use stay', () => {
    const cache = new CredentialCache(new ManualClock(), systemRandom);
    cache.add('used', 'kept');
    cache.add('unused', 'kept');
    for (let number = 0; number < 999; number++) {
      cache.add(`other ${number}`, 'kept');
      assert.equal(cache.has('used', 'kept'), true);
    }
    assert.equal(cache.has('unused', 'kept'), false);
  });
});

describe('a drive without users', () => {
  it('stands open only where it was told to', async (context) => {
    const open = new Door(context, [], { isOpenWithoutUsers: true });
    assert.deepEqual(await open.ask(undefined, local), { kind: 'admitted', name: '', mayWrite: true });
    assert.equal(await open.kind(basic('left', 'over'), local), 'admitted');
    open.users = [ana];
    assert.equal(await open.kind(undefined, local), 'challenged');
    const closed = new Door(context, []);
    assert.equal(await closed.kind(undefined), 'challenged');
    assert.equal(await closed.kind(basic('ana', 'right p\u00e4ss:word')), 'challenged');
  });
});

describe('the time of an answer', () => {
  it('tells not who is a user: the index is asked the same for every name', async (context) => {
    for (const isOpenWithoutUsers of [true, false]) {
      const asked: string[] = [];
      const users = {
        list: async () => {
          asked.push('all');
          return [ana];
        },
        named: async (name: string) => {
          asked.push('one');
          return name === 'ana' ? ana : undefined;
        },
      };
      const door = new Door(context, [], { isOpenWithoutUsers, users });
      const nonce = nonceOf(await door.ask(undefined, local));
      const questions = [];
      for (const name of ['ana', 'eve']) {
        for (const header of [basic(name, 'wrong'), digest({ name, password: 'wrong', nonce })]) {
          asked.length = 0;
          assert.equal(await door.kind(header, local), 'challenged');
          questions.push(asked.join());
        }
      }
      assert.deepEqual(questions, Array(4).fill(isOpenWithoutUsers ? 'all' : 'one'));
    }
  });
});

describe('access by Digest', () => {
  const asked = async (door: Door, request: object = plain) => nonceOf(await door.ask(undefined, request));

  it('admits with both algorithms, in order and out of order, each count once', async (context) => {
    const door = new Door(context, [ana, ben]);
    for (const algorithm of ['SHA-256', 'MD5'] as const) {
      const nonce = await asked(door);
      const answer = (nc: string) => digest({ name: 'ana', password: 'right p\u00e4ss:word', nonce, nc, algorithm });
      for (const nc of ['00000001', '00000003', '00000002', '000000ff']) {
        assert.equal(await door.kind(answer(nc), plain), 'admitted', nc);
        assert.equal(await door.kind(answer(nc), plain), 'challenged', `${nc} again`);
      }
    }
    const nonce = await asked(door);
    const verdict = await door.ask(digest({ name: 'b\u00e9n', password: 'other', nonce }), plain);
    assert.deepEqual(verdict, { kind: 'admitted', name: 'b\u00e9n', mayWrite: false });
  });

  it('is bound to method, target, realm and user', async (context) => {
    const door = new Door(context, [ana, ben]);
    const login = { name: 'ana', password: 'right p\u00e4ss:word' };
    const tries: (readonly [object, object])[] = [
      [{}, { method: 'DELETE' }],
      [{}, { target: '/home/g' }],
      [{ uri: '/home/g' }, {}],
      [{ realm: 'other' }, {}],
      [{ password: 'other' }, {}],
      [{ name: 'b\u00e9n' }, {}],
      [{ name: 'eve' }, {}],
      [{ qop: 'auth-int' }, {}],
      [{ nc: '1' }, {}],
    ];
    for (const [parts, request] of tries) {
      const nonce = await asked(door, local);
      const header = digest({ ...login, nonce, ...parts });
      assert.equal(await door.kind(header, { ...local, ...request }), 'challenged', JSON.stringify([parts, request]));
    }
    const nonce = await asked(door, local);
    assert.equal(await door.kind(digest({ ...login, nonce, uri: 'http://h:1/home/f' }), local), 'admitted');
  });

  it('says stale for a right answer to an old nonce, and takes no nonce of its own making', async (context) => {
    const door = new Door(context, [ana]);
    const nonce = await asked(door);
    const other = await asked(new Door(context, [ana]));
    await door.clock.advance(11 * 60_000);
    const login = { name: 'ana', password: 'right p\u00e4ss:word' };
    const old = await door.ask(digest({ ...login, nonce }), plain);
    assert.ok(old.kind === 'challenged' && old.challenges.every((challenge) => challenge.endsWith('stale=true')));
    const wrong = await door.ask(digest({ ...login, password: 'no', nonce }), plain);
    assert.ok(wrong.kind === 'challenged' && !wrong.challenges.join().includes('stale'));
    for (const foreign of [other, '', 'AAAA', `${nonce}A`, nonce.slice(0, -2)]) {
      assert.equal(await door.kind(digest({ ...login, nonce: foreign }), plain), 'challenged');
    }
  });

  it('is offered on plain HTTP only, with one MD5 challenge to those who read no more', async (context) => {
    const door = new Door(context, [ana]);
    const challenges = async (request: object) => {
      const verdict = await door.ask(undefined, request);
      return verdict.kind === 'challenged'
        ? verdict.challenges.map((text) => text.replace(/^(\w+).*?(algorithm=[^,]+)?,.*/, '$1'))
        : [];
    };
    assert.deepEqual(await challenges(plain), ['Digest', 'Digest']);
    assert.deepEqual(await challenges({ ...plain, knowsOnlyMd5: true }), ['Digest']);
    assert.deepEqual(await challenges(local), ['Digest', 'Digest', 'Basic']);
    assert.deepEqual(await challenges({}), ['Basic']);
    const nonce = await asked(door);
    assert.equal(await door.kind(digest({ name: 'ana', password: 'right p\u00e4ss:word', nonce })), 'challenged');
  });

  it('reads headers strictly', async (context) => {
    const door = new Door(context, [ana]);
    const nonce = await asked(door, local);
    const good = digest({ name: 'ana', password: 'right p\u00e4ss:word', nonce });
    const broken = [
      good.replace('nc=00000001, ', ''),
      good.replace('qop=auth, ', ''),
      `${good}, nc=00000002`,
      good.replace('algorithm=SHA-256', 'algorithm=SHA-512'),
      good.replace(/response="../, 'response="'),
      good.replace('username=', 'username*='),
      `${good} trailing`,
      `Digest ${'a=b,'.repeat(10_000)}`,
      'Digest',
      'Digest username="',
    ];
    for (const header of broken) assert.equal(await door.kind(header, local), 'challenged', header.slice(0, 60));
    assert.equal(await door.kind(good, local), 'admitted');
  });
});

describe('guessing', () => {
  const guess = (door: Door, number: number, request: object = {}) =>
    door.kind(basic('ana', `guess ${number}`), request);

  it('waits ever longer, also for the right password that was not known before, and for nobody else', async (context) => {
    const door = new Door(context, [ana, ben]);
    for (let number = 0; number < 5; number++) assert.equal(await guess(door, number), 'challenged');
    assert.deepEqual(await door.ask(basic('ana', 'guess 5')), { kind: 'delayed', waitMs: 1000 });
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word')), 'delayed');
    assert.equal(await door.kind(basic('b\u00e9n', 'other')), 'admitted');
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word'), { address: '192.0.2.8' }), 'admitted');
    await door.clock.advance(1001);
    assert.equal(await guess(door, 6), 'challenged');
    assert.deepEqual(await door.ask(basic('ana', 'guess 7')), { kind: 'delayed', waitMs: 2000 });
    assert.deepEqual(door.guessing[0], 'ana 192.0.2.7');
    await door.clock.advance(16 * 60_000);
    assert.equal(await guess(door, 8), 'challenged');
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word')), 'admitted');
  });

  it('does not stop a client whose password was right a moment ago', async (context) => {
    const door = new Door(context, [ana]);
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word')), 'admitted');
    for (let number = 0; number < 6; number++) await guess(door, number);
    assert.equal(await guess(door, 7), 'delayed');
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word')), 'admitted');
  });

  it('gains nothing by guessing many at once, by many names, or from many addresses of one network', async (context) => {
    const door = new Door(context, [ana]);
    const atOnce = await Promise.all(Array.from({ length: 20 }, (_, number) => guess(door, number)));
    assert.equal(atOnce.filter((kind) => kind === 'challenged').length, 5);
    const names = new Door(context, [ana]);
    let judged = 0;
    for (let number = 0; number < 40; number++) {
      if ((await names.kind(basic(`name${number}`, 'x'))) === 'challenged') judged += 1;
    }
    assert.equal(judged, 30);
    const network = new Door(context, [ana]);
    const kinds = [];
    for (let number = 0; number < 8; number++)
      kinds.push(await guess(network, number, { address: `2001:db8::${number}` }));
    assert.equal(kinds.filter((kind) => kind === 'challenged').length, 5);
  });

  it('never keeps anybody from the drive on his own computer', async (context) => {
    const door = new Door(context, [ana]);
    for (let number = 0; number < 12; number++) assert.equal(await guess(door, number, local), 'challenged');
    assert.equal(await door.kind(basic('ana', 'right p\u00e4ss:word'), local), 'admitted');
  });

  it('is slowed down by Digest too, and a nonce that was answered lets its own user through', async (context) => {
    const door = new Door(context, [ana, ben]);
    const nonce = nonceOf(await door.ask(undefined, plain));
    const login = { name: 'ana', password: 'right p\u00e4ss:word' };
    assert.equal(await door.kind(digest({ ...login, nonce }), plain), 'admitted');
    const fresh = nonceOf(await door.ask(undefined, plain));
    const kinds = [];
    for (let number = 0; number < 7; number++) {
      kinds.push(await door.kind(digest({ name: 'ana', password: `guess ${number}`, nonce: fresh }), plain));
    }
    assert.deepEqual(kinds.slice(4), ['challenged', 'delayed', 'delayed']);
    assert.equal(await door.kind(digest({ ...login, nonce: fresh }), plain), 'delayed');
    assert.equal(await door.kind(digest({ ...login, nonce, nc: '00000002' }), plain), 'admitted');
    assert.equal(
      await door.kind(digest({ name: 'b\u00e9n', password: 'other', nonce, nc: '00000003' }), plain),
      'challenged',
    );
  });
});

describe('guessing by Digest', () => {
  it('counts all spellings of a name as one', async (context) => {
    const door = new Door(context, [ben]);
    const nonce = nonceOf(await door.ask(undefined, plain));
    const kinds = [];
    for (let number = 0; number < 6; number++) {
      const name = number % 2 === 0 ? 'b\u00e9n' : 'be\u0301n';
      kinds.push(await door.kind(digest({ name, password: `guess ${number}`, nonce }), plain));
    }
    assert.deepEqual(kinds.slice(4), ['challenged', 'delayed']);
  });
});

describe('credentials of a damaged or foreign node', () => {
  it('are refused whole', async (context) => {
    const texts = [
      '',
      'x',
      ana.credentials.replace('ln=15', 'ln=40'),
      ana.credentials.replace('r=8', 'r=99'),
      `${ana.credentials} x`,
    ];
    for (const credentials of texts) {
      const broken: User = { name: 'ana', rights: 'write', credentials };
      const door = new Door(context, [broken]);
      await assert.rejects(door.ask(basic('ana', 'x')), { code: 'CORRUPT' }, credentials);
    }
  });
});
