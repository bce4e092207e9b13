/** A running server's nodes, notices and proofs, as the drive itself offers them. */
import type { NoticeCommands } from '../drive-contract.js';
import type { DiskCommands } from '../drive-disks.js';
import type { ProofCommands } from '../drive-proof.js';
import type { ControlClient } from './control-client.js';

export function remoteDisks(client: ControlClient): DiskCommands {
  return {
    describe: async (options) => {
      await client.call('describeNode', options);
    },
    drain: ({ signal, onProgress, ...rest }) => client.call('drainNode', rest, { signal, onProgress }),
    replace: ({ signal, onProgress, ...rest }) => client.call('replaceNode', rest, { signal, onProgress }),
    away: async (options) => {
      await client.call('keepAway', options);
    },
    sleep: async (options) => {
      await client.call('letSleep', options);
    },
    unplug: ({ signal, onProgress, ...rest }) => client.call('unplug', rest, { signal, onProgress }),
    stay: async (options) => {
      await client.call('stay', options);
    },
    heal: ({ signal, onProgress, ...rest }) => client.call('heal', rest, { signal, onProgress }),
    rebalance: ({ signal, onProgress, ...rest }) => client.call('rebalance', rest, { signal, onProgress }),
    examine: () => client.call('examine', {}),
  };
}

export function remoteProofs(client: ControlClient): ProofCommands {
  return {
    ofFile: (options) => client.call('proofOfFile', options),
    scrub: ({ signal, onProgress, ...rest }) => client.call('scrub', rest, { signal, onProgress }),
    salvage: ({ signal, onProgress, ...rest }) => client.call('salvage', rest, { signal, onProgress }),
    salvageNode: ({ signal, onProgress, ...rest }) => client.call('salvageNode', rest, { signal, onProgress }),
  };
}

export function remoteNotices(client: ControlClient): NoticeCommands {
  return {
    describe: () => client.call('describeNotices', {}),
    set: async (target) => {
      await client.call('setNotices', target ?? {});
    },
    test: async () => {
      await client.call('testNotices', {});
    },
  };
}
