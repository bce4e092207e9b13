/**
 * Where clients need different answers. Few rows on purpose; everybody not named here gets the strict answers of the RFCs.
 */

export interface ClientProfile {
  readonly name: string;
  /** Answer 404 for the quota properties. */
  readonly hidesQuota: boolean;
  /** Locks stay with an entry that is renamed, instead of ending (RFC 4918 section 7.6). */
  readonly locksFollowMove: boolean;
  /** Fewest bytes for each entry of a listing: four properties, no 404 propstat. */
  readonly compact: boolean;
  /** Names that differ in case only are the same, and those it could not open are shown with look-alikes. */
  readonly windowsNames: boolean;
}

const strict: ClientProfile = {
  name: 'strict',
  hidesQuota: false,
  locksFollowMove: false,
  compact: false,
  windowsNames: false,
};

/** Finder keeps the token of an open file and goes on using it at the new path after a rename. */
const webdavfs: ClientProfile = { ...strict, name: 'WebDAVFS', locksFollowMove: true };

/**
 * From macOS 15.4 on, a quota answer other than zero makes mounting hang for 90 s: the kernel asks again through the
 * agent that is still inside mount(2).
 */
const recentWebdavfs: ClientProfile = { ...webdavfs, hidesQuota: true };

/**
 * Explorer shows an empty folder when a listing is longer than 1,000,000 bytes. Programs on Windows open files in any
 * case; one name with a colon makes a whole folder unusable.
 */
const miniRedirector: ClientProfile = { ...strict, name: 'MiniRedir', compact: true, windowsNames: true };

const quotaTroubleSince = [24, 4] as const;

export function profileOf(userAgent: string | undefined): ClientProfile {
  if (userAgent === undefined) return strict;
  if (userAgent.startsWith('Microsoft-WebDAV-MiniRedir/')) return miniRedirector;
  if (userAgent.startsWith('WebDAVFS/')) return hasQuotaTrouble(userAgent) ? recentWebdavfs : webdavfs;
  return strict;
}

function hasQuotaTrouble(userAgent: string): boolean {
  const match = /Darwin\/(\d{1,4})\.(\d{1,4})/.exec(userAgent);
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > quotaTroubleSince[0] || (major === quotaTroubleSince[0] && minor >= quotaTroubleSince[1]);
}
