/**
 * Where clients need different answers: whatever depends on a user agent stands in this file, each with its reason.
 * Few rows on purpose; everybody not named here gets the strict answers of the RFCs. Each adaptation can be switched
 * off for all clients, for the day when its reason is gone.
 */

/** What may differ; false for everybody who is not named below. */
export interface Adaptations {
  /** Answer 404 for the quota properties. */
  readonly hidesQuota: boolean;
  /** Locks stay with an entry that is renamed, instead of ending (RFC 4918 section 7.6). */
  readonly locksFollowMove: boolean;
  /** Tokens in the If header of a MOVE count, wherever below the source their locks are. */
  readonly tokensOfMembers: boolean;
  /** An absent property of the four that every entry should have is left out, instead of named with a 404. */
  readonly statusBlind: boolean;
  /** The root seems to hold the empty files that tell the system to leave a drive alone. */
  readonly showsMarkers: boolean;
  /** Fewest bytes for each entry of a listing: four properties, no 404 propstat. */
  readonly compact: boolean;
  /** Names that differ in case only are the same, and those it could not open are shown with look-alikes. */
  readonly windowsNames: boolean;
  /** A 102 before an answer that is late. Whoever takes it for the answer believes a refused save to be done. */
  readonly interimAnswers: boolean;
  /** Of Digest it knows MD5, and of several challenges it may take one that it does not know. */
  readonly onlyMd5: boolean;
  /** PROPPATCH of Win32 properties needs no token of the sender's own lock. */
  readonly win32WithoutToken: boolean;
}

export interface ClientProfile extends Adaptations {
  readonly name: string;
}

export type Adaptation = keyof Adaptations;
/** `false` switches one off; what is absent stays on. */
export type AdaptationSwitches = { readonly [A in Adaptation]?: boolean };

interface Row {
  readonly name: string;
  readonly isMeant: (userAgent: string) => boolean;
  readonly adaptations: readonly Adaptation[];
}

/** webdavfs reads no namespaces and no statuses: an empty getcontentlength with a 404 could be read as a length. */
const anyFinder: readonly Adaptation[] = [
  'statusBlind',
  // Finder keeps the token of an open file and goes on using it at the new path; a strict server loses the save.
  'locksFollowMove',
  // To rename a folder with open files it sends all their tokens as untagged lists, which the RFC would judge against
  // the folder, where none of these locks is.
  'tokensOfMembers',
  // Else Spotlight and the thumbnails read every file of the drive.
  'showsMarkers',
  'onlyMd5',
];

/** The first row that is meant counts. */
const table: readonly Row[] = [
  {
    // From macOS 15.4 on, a quota answer other than zero makes mounting hang for 90 s: the kernel asks again through
    // the agent that is still inside mount(2).
    name: 'WebDAVFS of macOS 15.4 or later',
    isMeant: (userAgent) => userAgent.startsWith('WebDAVFS/') && isDarwinFrom(userAgent, [24, 4]),
    adaptations: [...anyFinder, 'hidesQuota'],
  },
  { name: 'WebDAVFS', isMeant: (userAgent) => userAgent.startsWith('WebDAVFS/'), adaptations: anyFinder },
  {
    // Explorer shows an empty folder when a listing is longer than 1,000,000 bytes. Programs on Windows open files in
    // any case; one name with a colon makes a whole folder unusable. It sets attributes of files that it has locked
    // without the token, and takes the refusal for a failed copy.
    name: 'MiniRedir',
    isMeant: (userAgent) => userAgent.startsWith('Microsoft-WebDAV-MiniRedir/'),
    adaptations: ['compact', 'windowsNames', 'win32WithoutToken', 'onlyMd5'],
  },
  {
    // Opens by URL, past Explorer's cache; the same attributes without the token.
    name: 'Office',
    isMeant: (userAgent) => userAgent.startsWith('Microsoft Office'),
    adaptations: ['win32WithoutToken', 'onlyMd5'],
  },
  {
    // These skip any interim answer (RFC 9110 section 15.2) and would give up on a silent server: neon within davfs2 and
    // cadaver, libsoup within GVFS, KIO and browsers, curl, Go within rclone. Not Python's http.client and Java's
    // HttpURLConnection, which skip 100 only; of everybody else nobody knows, and to be waited for is the lesser harm.
    name: 'Reads interim answers',
    isMeant: (userAgent) =>
      /^(?:davfs2|cadaver|gvfs|curl|rclone|Go-http-client|Mozilla)\//.test(userAgent) && !/ms-?office/i.test(userAgent),
    adaptations: ['interimAnswers'],
  },
];

const strict: ClientProfile = {
  name: 'strict',
  hidesQuota: false,
  locksFollowMove: false,
  tokensOfMembers: false,
  statusBlind: false,
  showsMarkers: false,
  compact: false,
  windowsNames: false,
  interimAnswers: false,
  win32WithoutToken: false,
  onlyMd5: false,
};

/** Finds the profile of a user agent; cheap, for it is asked with every request. */
export function clientProfiles(switches: AdaptationSwitches = {}): (userAgent: string | undefined) => ClientProfile {
  const rows = table.map(({ name, isMeant, adaptations }) => {
    const on = adaptations.filter((adaptation) => switches[adaptation] !== false);
    const profile: ClientProfile = {
      ...strict,
      name,
      ...Object.fromEntries(on.map((adaptation) => [adaptation, true])),
    };
    return { isMeant, profile };
  });
  return (userAgent = '') => rows.find(({ isMeant }) => isMeant(userAgent))?.profile ?? strict;
}

function isDarwinFrom(userAgent: string, [wantedMajor, wantedMinor]: readonly [number, number]): boolean {
  const match = /Darwin\/(\d{1,4})\.(\d{1,4})/.exec(userAgent);
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

export type VisitorSystem = 'mac' | 'windows' | 'linux';

/** Which guide a browser's visitor is shown first; nothing but a guess. */
export function visitorSystem(userAgent: string | undefined): VisitorSystem {
  if (/Windows/i.test(userAgent ?? '')) return 'windows';
  return /Mac OS|Macintosh|iPhone|iPad/i.test(userAgent ?? '') ? 'mac' : 'linux';
}
