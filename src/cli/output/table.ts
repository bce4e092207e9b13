/** Rows as aligned columns. Styling is applied after padding, so that colour never shifts a column. */

export interface Cell {
  readonly text: string;
  readonly style?: ((text: string) => string) | undefined;
}

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

const gap = '  ';

/** The titles and each row, one string a line, without trailing spaces. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly (Cell | string)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell): Cell => (typeof cell === 'string' ? { text: cell } : cell)));
  const titles = columns.map((column): Cell => ({ text: column.title }));
  const widths = columns.map((_, index) =>
    Math.max(...[titles, ...cells].map((row) => displayWidth(row[index]?.text ?? ''))),
  );
  return [titles, ...cells].map((row) =>
    row
      .map((cell, index) => {
        const padding = ' '.repeat(widths[index]! - displayWidth(cell.text));
        const text = cell.style ? cell.style(cell.text) : cell.text;
        return columns[index]!.align === 'right' ? padding + text : text + padding;
      })
      .join(gap)
      .trimEnd(),
  );
}

/** Code points, combining marks not counted: near enough for paths and labels. */
function displayWidth(text: string): number {
  return [...text.replace(/\p{M}/gu, '')].length;
}
