import type { Dashboard, Panel } from './dashboards.ts'

const columns = 2
const size = { w: 12, h: 8 }
const datasource = { type: 'prometheus', uid: '${datasource}' }

/** A dashboard as Grafana 11 and newer provision it. */
export function renderDashboard({ id, title, panels }: Dashboard): object {
  return {
    uid: id,
    title,
    tags: ['parley'],
    editable: false,
    schemaVersion: 39,
    time: { from: 'now-3h', to: 'now' },
    refresh: '30s',
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    links: [{ type: 'dashboards', tags: ['parley'], title: 'Parley', asDropdown: true }],
    panels: panels.map(renderPanel),
  }
}

function renderPanel({ title, unit, queries }: Panel, i: number): object {
  return {
    id: i + 1,
    type: 'timeseries',
    title,
    datasource,
    gridPos: { ...size, x: (i % columns) * size.w, y: Math.floor(i / columns) * size.h },
    fieldConfig: {
      defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never' } },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom' },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: queries.map(({ expr, legend }, n) => ({
      refId: String.fromCodePoint(65 + n),
      datasource,
      expr,
      legendFormat: legend,
    })),
  }
}
