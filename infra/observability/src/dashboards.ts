export interface Panel {
  title: string
  unit: 's' | 'ops' | 'short' | 'percentunit' | 'bytes'
  queries: { expr: string; legend: string }[]
}

export interface Dashboard {
  /** Its file, and its address in Grafana. */
  id: string
  title: string
  panels: Panel[]
}

const quantile = (q: number, histogram: string, by = '', labels = '') =>
  `histogram_quantile(${q}, sum by (${['le', by].filter(Boolean).join(', ')}) (rate(${histogram}_bucket${labels ? `{${labels}}` : ''}[$__rate_interval])))`
const rate = (counter: string, by: string, labels = '') =>
  `sum by (${by}) (rate(${counter}${labels ? `{${labels}}` : ''}[$__rate_interval]))`

const quantiles = (title: string, histogram: string, labels = ''): Panel => ({
  title,
  unit: 's',
  queries: [0.5, 0.95, 0.99].map((q) => ({
    expr: quantile(q, histogram, '', labels),
    legend: `p${q * 100}`,
  })),
})
const rates = (title: string, counter: string, by: string, labels = ''): Panel => ({
  title,
  unit: 'ops',
  queries: [{ expr: rate(counter, by, labels), legend: `{{${by}}}` }],
})
const values = (title: string, unit: Panel['unit'], expr: string, legend: string): Panel => ({
  title,
  unit,
  queries: [{ expr, legend }],
})
const processOf = (service: string): Panel[] => [
  values(
    'CPU',
    'percentunit',
    `rate(process_cpu_seconds_total{service="${service}"}[$__rate_interval])`,
    '{{instance}}',
  ),
  values('Memory', 'bytes', `process_resident_memory_bytes{service="${service}"}`, '{{instance}}'),
  values('Event loop, p99', 's', `nodejs_eventloop_lag_p99_seconds{service="${service}"}`, '{{instance}}'),
]
const pool = (service: string) =>
  values(
    'Postgres connections',
    'short',
    `sum by (state) (parley_postgres_pool{service="${service}"})`,
    '{{state}}',
  )

export const dashboards: Dashboard[] = [
  {
    id: 'parley-overview',
    title: 'Parley: overview',
    panels: [
      values('Sockets', 'short', 'sum(parley_gateway_connections)', 'all gateways'),
      rates('Sends by outcome', 'parley_gateway_events_total', 'outcome', 'event="message:send"'),
      quantiles('Send to acknowledgement', 'parley_gateway_event_duration_seconds', 'event="message:send"'),
      quantiles('Stored to written to sockets', 'parley_gateway_delivery_seconds'),
      values(
        'Doorbell lag through Redis',
        's',
        'max(parley_gateway_doorbell_lag_seconds)',
        'slowest gateway',
      ),
      values('Batches whose doorbells are not out', 'short', 'max(parley_dispatches_pending)', 'pending'),
      values('Oldest waiting job', 's', 'max by (queue) (parley_queue_oldest_waiting_seconds)', '{{queue}}'),
      quantiles('Message to push accepted', 'parley_push_delay_seconds'),
      rates('Pushes by result', 'parley_push_attempts_total', 'result'),
      quantiles('Upload to ready', 'parley_media_processing_seconds'),
      values(
        'Nodes',
        'short',
        'count by (service) (process_start_time_seconds{service=~"gateway|messages|media|push"})',
        '{{service}}',
      ),
      values(
        'Versions',
        'short',
        'count by (service, version, node) (parley_build_info)',
        '{{service}} {{version}} on {{node}}',
      ),
    ],
  },
  {
    id: 'parley-gateway',
    title: 'Parley: gateway',
    panels: [
      values('Sockets', 'short', 'parley_gateway_connections', '{{instance}}'),
      values('Held polls and event streams', 'short', 'parley_gateway_listeners', '{{instance}}'),
      rates('Events', 'parley_gateway_events_total', 'event'),
      rates('Refused events by code', 'parley_gateway_events_total', 'outcome', 'outcome!="ok"'),
      values(
        'Event to answer, p99',
        's',
        quantile(0.99, 'parley_gateway_event_duration_seconds', 'event'),
        '{{event}}',
      ),
      quantiles('Handshakes', 'parley_gateway_handshake_seconds'),
      rates('Refused handshakes by code', 'parley_gateway_handshakes_refused_total', 'code'),
      {
        title: 'Handshakes that wait, and places',
        unit: 'short',
        queries: [
          { expr: 'sum(parley_gateway_handshakes_waiting)', legend: 'waiting' },
          { expr: 'sum(parley_gateway_handshake_places)', legend: 'places' },
        ],
      },
      rates('Ends of sockets', 'parley_gateway_disconnects_total', 'reason'),
      rates('Closed by us, by code', 'parley_gateway_disconnects_total', 'code', 'code!="none"'),
      rates('Readers cut off', 'parley_gateway_slow_consumers_total', 'reason'),
      quantiles('Stored to written to sockets', 'parley_gateway_delivery_seconds'),
      values('Draining', 'short', 'parley_gateway_draining', '{{instance}}'),
      values('Doorbell lag', 's', 'parley_gateway_doorbell_lag_seconds', '{{instance}}'),
      values('Under load', 'short', 'parley_gateway_under_load', '{{instance}}'),
      values(
        'Heartbeats',
        'ops',
        'sum(rate(parley_gateway_heartbeats_total[$__rate_interval]))',
        'all gateways',
      ),
      values(
        'Heartbeats missed',
        'ops',
        'sum(rate(parley_gateway_heartbeats_missed_total[$__rate_interval]))',
        'missed',
      ),
      values(
        'Sockets dead of missed heartbeats',
        'ops',
        'sum(rate(parley_gateway_heartbeat_deaths_total[$__rate_interval]))',
        'dead',
      ),
      rates('Left out under load', 'parley_gateway_shed_total', 'kind'),
      ...processOf('gateway'),
    ],
  },
  {
    id: 'parley-messages',
    title: 'Parley: messages',
    panels: [
      rates('Sends by outcome', 'parley_messages_sent_total', 'outcome'),
      quantiles('Commit of a batch', 'parley_message_commit_seconds'),
      values('Batches whose doorbells are not out', 'short', 'max(parley_dispatches_pending)', 'pending'),
      pool('messages'),
      values('Search index behind', 's', 'max(parley_search_lag_seconds)', 'lag'),
      values(
        'Brought into the search index',
        'ops',
        'sum(rate(parley_search_indexed_total[$__rate_interval]))',
        'messages',
      ),
      values('Webhook events', 'short', 'max by (state) (parley_webhook_events)', '{{state}}'),
      rates('Server API by status', 'parley_server_api_requests_total', 'status'),
      rates('Webhooks by outcome', 'parley_webhook_deliveries_total', 'outcome'),
      ...processOf('messages'),
    ],
  },
  {
    id: 'parley-media',
    title: 'Parley: media',
    panels: [
      rates('Uploads', 'parley_media_uploads_total', 'outcome'),
      rates('Processed by outcome', 'parley_media_processed_total', 'outcome'),
      quantiles('Upload to ready', 'parley_media_processing_seconds'),
      values('Jobs', 'short', 'max by (state) (parley_queue_jobs{queue="media-process"})', '{{state}}'),
      rates('Found by the sweep', 'parley_media_swept_total', 'kind'),
      pool('media'),
      ...processOf('media'),
    ],
  },
  {
    id: 'parley-push',
    title: 'Parley: push',
    panels: [
      rates('Pushes by result', 'parley_push_attempts_total', 'result'),
      rates('Not accepted, by reason', 'parley_push_attempts_total', 'reason', 'result!="accepted"'),
      values(
        'Message to accepted, p99',
        's',
        quantile(0.99, 'parley_push_delay_seconds', 'provider'),
        '{{provider}}',
      ),
      values(
        'Call to accepted, p99',
        's',
        quantile(0.99, 'parley_push_call_delay_seconds', 'provider'),
        '{{provider}}',
      ),
      values(
        'Jobs',
        'short',
        'max by (queue, state) (parley_queue_jobs{queue=~"push-.*"})',
        '{{queue}} {{state}}',
      ),
      values(
        'Oldest waiting job',
        's',
        'max by (queue) (parley_queue_oldest_waiting_seconds{queue=~"push-.*"})',
        '{{queue}}',
      ),
      rates('Calls by result', 'parley_push_calls_total', 'result'),
      rates('Alerts taken back', 'parley_push_withdrawals_total', 'result'),
      rates('Tokens minted', 'parley_push_provider_tokens_total', 'provider'),
      rates('Connections to providers', 'parley_push_connections_total', 'event'),
      rates('Credentials refused', 'parley_push_credentials_refused_total', 'credentials'),
      ...processOf('push'),
    ],
  },
]
