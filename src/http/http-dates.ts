/** RFC 9110 section 5.6.7: IMF-fixdate is written; the two obsolete forms are read as well. Whole seconds. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const fixDate = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const rfc850Date = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const asctimeDate = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/** Dates before 1970 become 1970: Finder refuses to mount a drive that shows one. */
export function formatHttpDate(timeMs: number): string {
  return new Date(Math.max(0, timeMs)).toUTCString();
}

/** RFC 3339 in UTC, as DAV:creationdate wants it. */
export function formatIsoDate(timeMs: number): string {
  return `${new Date(Math.max(0, timeMs)).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds since 1970, or undefined when this is no HTTP date (a condition with it is ignored then). */
export function parseHttpDate(text: string): number | undefined {
  const fix = fixDate.exec(text);
  if (fix) return timeOf(fix[3]!, fix[2]!, fix[1]!, [fix[4]!, fix[5]!, fix[6]!]);
  const old = rfc850Date.exec(text);
  // Two digits mean 1970 to 2069; this form has not been sent for decades.
  if (old) return timeOf(`${Number(old[3]) >= 70 ? 19 : 20}${old[3]}`, old[2]!, old[1]!, [old[4]!, old[5]!, old[6]!]);
  const asctime = asctimeDate.exec(text);
  if (asctime) return timeOf(asctime[6]!, asctime[1]!, asctime[2]!, [asctime[3]!, asctime[4]!, asctime[5]!]);
  return undefined;
}

function timeOf(year: string, monthName: string, day: string, clock: [string, string, string]): number | undefined {
  const month = months.indexOf(monthName);
  const [hours, minutes, seconds] = clock.map(Number) as [number, number, number];
  if (month < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const time = new Date(0);
  time.setUTCFullYear(Number(year), month, Number(day));
  if (time.getUTCMonth() !== month) return undefined;
  return time.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1000;
}
