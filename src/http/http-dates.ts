/** RFC 9110 section 5.6.7: IMF-fixdate is written; the two obsolete forms are read as well. Whole seconds. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const fixDate = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const rfc850Date = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const asctimeDate = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

const dayMs = 86_400_000;
const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** The text of a day is kept from one date to the next: those of a listing are mostly of few days. */
class DayTexts {
  readonly #textOf: (date: Date) => string;
  #day = Number.NaN;
  #text = '';

  constructor(textOf: (date: Date) => string) {
    this.#textOf = textOf;
  }

  /** Day and time, cut to the second. */
  format(timeMs: number): string {
    const day = Math.floor(timeMs / dayMs);
    if (day !== this.#day) this.#text = this.#textOf(new Date(timeMs));
    this.#day = day;
    const second = Math.floor((timeMs - day * dayMs) / 1000);
    const minute = Math.floor(second / 60);
    const hour = Math.floor(minute / 60);
    return `${this.#text}${twoDigits[hour]}:${twoDigits[minute - hour * 60]}:${twoDigits[second - minute * 60]}`;
  }
}

const httpDays = new DayTexts((date) => date.toUTCString().slice(0, -'00:00:00 GMT'.length));
const isoDays = new DayTexts((date) => date.toISOString().slice(0, -'00:00:00.000Z'.length));

/** Dates before 1970 become 1970: Finder refuses to mount a drive that shows one. */
export function formatHttpDate(timeMs: number): string {
  return `${httpDays.format(Math.max(0, timeMs))} GMT`;
}

/** RFC 3339 in UTC, as DAV:creationdate wants it. */
export function formatIsoDate(timeMs: number): string {
  return `${isoDays.format(Math.max(0, timeMs))}Z`;
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
