/** The look of all pages: one sheet, light and dark, wide and narrow. Colours are named once. */
export const style = `
:root { color-scheme: light dark; --ink: #17211e; --soft: #5b6965; --line: #dde4e1; --paper: #f3f6f5; --card: #fff;
  --accent: #0a6b50; --on-accent: #fff; --hover: #eef4f1; --pick: #e0efe9; --danger: #b3261e; --shade: 0 1px 2px #0b1f1814, 0 8px 24px #0b1f180d;
  --folder: #2f9e7c; --image: #8a5cd1; --media: #c2497c; --text: #3b74c4; --pack: #b0741f; --other: #7a8884 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7edeb; --soft: #9aa8a3; --line: #2a3431; --paper: #101514; --card: #181f1d;
    --accent: #63d3ab; --on-accent: #062419; --hover: #202926; --pick: #1d332b; --danger: #ff8f85; --shade: 0 1px 2px #0006, 0 8px 24px #0005;
    --folder: #5fd0a8; --image: #b79bf0; --media: #f08db4; --text: #8fb8f5; --pack: #e3b062; --other: #93a19c }
}
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif }
a { color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .35rem }
svg { width: 1.25em; height: 1.25em; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; flex: none }
.sprites { position: absolute; width: 0; height: 0 }
.soft { color: var(--soft) }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
header { background: var(--card); border-bottom: 1px solid var(--line) }
header > div, main { max-width: 68rem; margin: 0 auto; padding: 0 1.5rem }
header > div { display: flex; align-items: center; gap: 1rem; min-height: 3.5rem }
.brand { display: flex; align-items: center; gap: .55rem; font-weight: 650; font-size: 1.05rem; letter-spacing: -.01em; color: var(--ink); text-decoration: none }
.brand svg { width: 1.6rem; height: 1.6rem; color: var(--accent) }
.space { margin-left: auto; color: var(--soft); font-size: .9rem; white-space: nowrap }
main { padding-top: 1.5rem; padding-bottom: 5rem }
h1 { font-size: 1.6rem; line-height: 1.25; letter-spacing: -.02em; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .75rem }
p { margin: .5rem 0 }
.crumbs { display: flex; flex-wrap: wrap; align-items: center; gap: .15rem; margin: 0 0 .35rem; padding: 0; list-style: none; font-size: .92rem }
.crumbs li { display: flex; align-items: center; min-width: 0 }
.crumbs li + li::before { content: "/"; color: var(--soft); padding: 0 .4rem }
.crumbs a { text-decoration: none; overflow-wrap: anywhere } .crumbs a:hover { text-decoration: underline }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; margin: 1.1rem 0 }
button, .button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .55rem; padding: .42rem .85rem;
  display: inline-flex; align-items: center; gap: .45rem; cursor: pointer; text-decoration: none }
button:hover, .button:hover { background: var(--hover) }
.main-action { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600 }
.main-action:hover { background: var(--accent); filter: brightness(1.08) }
.danger { background: var(--danger); border-color: var(--danger); color: var(--paper); font-weight: 600 }
.danger:hover { background: var(--danger); filter: brightness(1.08) }
.quiet { border-color: transparent; background: transparent; padding: .35rem }
input { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .55rem; padding: .42rem .75rem; min-width: 0 }
.filter { margin-left: auto; width: 13rem }
table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--card); border: 1px solid var(--line); border-radius: .8rem; box-shadow: var(--shade) }
th { font-weight: 550; font-size: .85rem; color: var(--soft); text-align: left; padding: .35rem .9rem; border-bottom: 1px solid var(--line) }
th button { font-size: inherit; font-weight: inherit; color: inherit; padding: .1rem .35rem; margin: 0 -.35rem }
th[aria-sort="ascending"] button::after { content: "\\2191" } th[aria-sort="descending"] button::after { content: "\\2193" }
td { padding: 0 .9rem; height: 2.85rem; border-top: 1px solid var(--line) }
tbody tr:first-child td { border-top: 0 }
tbody tr[data-kind]:hover td { background: var(--hover) }
tbody tr[data-kind]:focus-within td { background: var(--pick) }
tbody tr:last-child td:first-child { border-bottom-left-radius: .75rem } tbody tr:last-child td:last-child { border-bottom-right-radius: .75rem }
td.name { width: 100%; max-width: 0 }
td.name a { display: flex; align-items: center; gap: .7rem; color: var(--ink); text-decoration: none; padding: .5rem 0; border-radius: .35rem }
td.name a:hover .label { text-decoration: underline; text-underline-offset: .2em }
td.name svg { width: 1.5em; height: 1.5em }
td.name .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums } td.number, td.time { color: var(--soft) }
.time { white-space: nowrap } td.more { padding: 0 .5rem; text-align: right }
.i-folder { color: var(--folder) } .i-folder use { fill: currentColor; fill-opacity: .18 } .i-image { color: var(--image) } .i-media { color: var(--media) }
.i-text { color: var(--text) } .i-pack { color: var(--pack) } .i-other { color: var(--other) }
.empty { text-align: center; color: var(--soft); padding: 4rem 1rem }
.empty svg { width: 3rem; height: 3rem; stroke-width: 1.2; display: block; margin: 0 auto .75rem; color: var(--folder) }
.sum { color: var(--soft); font-size: .88rem; margin: .8rem .25rem; display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; justify-content: space-between }
kbd { font: .82em ui-monospace, monospace; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: .3rem; padding: 0 .3rem; background: var(--card) }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, monospace; background: var(--paper); border: 1px solid var(--line); border-radius: .35rem; padding: .1rem .35rem; overflow-wrap: anywhere }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
pre code { border: 0; padding: 0 }
.card, details { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; box-shadow: var(--shade); padding: 1rem 1.15rem; margin: .7rem 0 }
a.card { display: flex; align-items: center; gap: 1rem; color: var(--ink); text-decoration: none } a.card:hover { border-color: var(--accent) }
a.card > svg { width: 2.2rem; height: 2.2rem; stroke-width: 1.4; color: var(--accent) } a.card strong { font-size: 1.1rem } a.card .go { margin-left: auto; width: 1.3rem; height: 1.3rem; color: var(--soft) }
summary { cursor: pointer; font-weight: 600 } details ol { padding-left: 1.3rem; margin: .6rem 0 }
.menu { position: absolute; z-index: 3; min-width: 11rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; box-shadow: 0 8px 30px #0003; padding: .3rem }
.menu > * { display: flex; width: 100%; border: 0; border-radius: .4rem; background: transparent; padding: .45rem .7rem }
.menu .remove { color: var(--danger) }
dialog { color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .9rem; box-shadow: 0 20px 60px #0005; padding: 1.4rem; width: min(27rem, calc(100vw - 2rem)) }
dialog::backdrop { background: #07120e80 }
dialog h2 { margin: 0 0 .6rem; font-size: 1.15rem; overflow-wrap: anywhere } dialog input { width: 100%; margin-top: .3rem }
dialog .buttons { display: flex; justify-content: flex-end; gap: .6rem; margin-top: 1.2rem }
.trouble { color: var(--danger) }
.drop { position: fixed; inset: .75rem; z-index: 4; border: 3px dashed var(--accent); border-radius: 1.2rem; background: color-mix(in srgb, var(--paper) 82%, transparent);
  display: grid; place-items: center; font-size: 1.3rem; font-weight: 600; pointer-events: none }
.transfers { position: fixed; right: 1.25rem; bottom: 1.25rem; z-index: 2; width: min(25rem, calc(100vw - 2rem)); background: var(--card); border: 1px solid var(--line); border-radius: .9rem; box-shadow: 0 12px 40px #0003; overflow: hidden }
.transfers > div { display: flex; align-items: center; justify-content: space-between; padding: .55rem .6rem .55rem 1rem; font-weight: 600; border-bottom: 1px solid var(--line) }
.transfers ul { list-style: none; margin: 0; padding: .4rem 1rem .7rem; max-height: 16rem; overflow: auto }
.transfers li { padding: .4rem 0; font-size: .9rem }
.transfers .line { display: flex; gap: .75rem; justify-content: space-between; align-items: baseline }
.transfers .line > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap } .transfers .line > :last-child { white-space: nowrap } .transfers .line > :last-child:not(.trouble) { color: var(--soft) }
.transfers .choice { display: flex; gap: .5rem; margin-top: .35rem } .transfers .choice button { padding: .15rem .6rem; font-size: .88rem }
progress { appearance: none; border: 0; width: 100%; height: .3rem; border-radius: 1rem; overflow: hidden; background: var(--line); display: block; margin-top: .3rem }
progress::-webkit-progress-bar { background: var(--line) } progress::-webkit-progress-value { background: var(--accent); border-radius: 1rem } progress::-moz-progress-bar { background: var(--accent) }
.toast { position: fixed; left: 50%; bottom: 1.5rem; transform: translateX(-50%); z-index: 5; background: var(--ink); color: var(--paper); border-radius: .7rem; padding: .6rem 1.1rem; box-shadow: 0 8px 30px #0004; max-width: calc(100vw - 2rem) }
html:not(.script) .needs-script { display: none !important }
@media (max-width: 42rem) {
  header > div, main { padding-left: 1rem; padding-right: 1rem } main { padding-top: 1.1rem }
  .filter { margin-left: 0; width: auto; flex: 1 1 100%; order: 9 } .bar button .wide { display: none } .keys { display: none }
  thead { display: none } tr[data-kind] { display: grid; grid-template-columns: auto 1fr auto; align-items: center; border-top: 1px solid var(--line); padding: .25rem .35rem .25rem .9rem }
  tbody tr[data-kind]:first-child { border-top: 0 } tbody tr[data-kind] td { border: 0; height: auto; padding: 0 } tbody tr[data-kind]:hover td, tbody tr[data-kind]:focus-within td { background: transparent }
  tbody tr[data-kind]:focus-within { background: var(--pick) } td.name { grid-column: 1 / 3; max-width: none; min-width: 0 } td.name a { padding: .4rem 0 .1rem }
  td.more { grid-row: 1 / 3; grid-column: 3 } td.number { grid-column: 1; text-align: left; padding: 0 0 .35rem 2.1rem !important; font-size: .84rem } td.number:not(:empty)::after { content: "\\00a0\\00b7\\00a0" }
  td.time { grid-column: 2; padding-bottom: .35rem !important; font-size: .84rem } td.number:empty { padding-right: 0 !important }
}
@media (prefers-reduced-motion: no-preference) { progress::-webkit-progress-value { transition: inline-size .2s } }
`;
