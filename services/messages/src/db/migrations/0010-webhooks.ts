import { type Kysely, sql } from 'kysely'

/**
 * What webhooks are still to tell. Accounts and sessions change in many places, so triggers note their events: in the
 * transaction of the change, whichever code made it, and only where some endpoint is known.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table webhook_endpoint (
      endpoint_id text collate "C" primary key,
      events text[] not null,
      failing_since timestamptz,
      disabled_at timestamptz,
      disabled_reason text
    )`.execute(db)

  // Either entries of a log, or an event with its data.
  await sql`
    create table webhook_outbox (
      outbox_id bigint generated always as identity primary key,
      conversation_id text collate "C",
      first_seq bigint,
      last_seq bigint,
      event text,
      data jsonb,
      at timestamptz not null default now()
    )`.execute(db)

  await sql`
    create table webhook_delivery (
      delivery_id bigint generated always as identity primary key,
      endpoint_id text collate "C" not null references webhook_endpoint on delete cascade,
      event_id text collate "C" not null,
      event text not null,
      conversation_id text collate "C",
      seq bigint,
      data jsonb,
      at timestamptz not null,
      state text not null,
      round integer not null default 0,
      queued_at timestamptz not null default now(),
      failed_at timestamptz,
      failure text,
      constraint webhook_delivery_event_key unique (endpoint_id, event_id)
    )`.execute(db)
  await sql`create index webhook_delivery_state_idx on webhook_delivery (endpoint_id, state, delivery_id)`.execute(
    db,
  )
  await sql`create index webhook_delivery_queued_idx on webhook_delivery (queued_at) where state = 'pending'`.execute(
    db,
  )

  await sql`
    create function note_account_event() returns trigger language plpgsql as $$
    declare
      told text;
      more jsonb := '{}';
    begin
      if not exists (select from webhook_endpoint) then return null; end if;
      if tg_op = 'INSERT' then told := 'user.created';
      elsif new.suspended_at is not null and old.suspended_at is null then
        told := 'user.suspended';
        more := jsonb_strip_nulls(jsonb_build_object('reason', new.suspension_reason));
      elsif new.suspended_at is null and old.suspended_at is not null then told := 'user.restored';
      elsif new.display_name is distinct from old.display_name or new.avatar is distinct from old.avatar then
        told := 'user.updated';
      else return null;
      end if;
      insert into webhook_outbox (event, data) values (told, jsonb_build_object('userId', new.user_id) || more);
      return null;
    end $$`.execute(db)
  await sql`
    create trigger account_event after insert or update of suspended_at, display_name, avatar on account
    for each row execute function note_account_event()`.execute(db)

  await sql`
    create function note_session_event() returns trigger language plpgsql as $$
    declare
      told text;
      more jsonb := '{}';
    begin
      if not exists (select from webhook_endpoint) then return null; end if;
      if new.ended_at is null and (tg_op = 'INSERT' or old.ended_at is not null) then told := 'session.started';
      elsif tg_op = 'UPDATE' and new.ended_at is not null and old.ended_at is null then
        told := 'session.ended';
        more := jsonb_build_object('reason', coalesce(new.end_reason, 'revoked'));
      else return null;
      end if;
      insert into webhook_outbox (event, data) values (told, jsonb_build_object('userId', new.user_id,
        'sessionId', new.session_id, 'deviceId', new.device_id, 'platform', new.platform) || more);
      return null;
    end $$`.execute(db)
  await sql`
    create trigger session_event after insert or update of ended_at on session
    for each row execute function note_session_event()`.execute(db)

  // What a hook refused, so that the same send gets the same answer.
  await sql`
    create table vetoed_send (
      conversation_id text collate "C" not null,
      sender_id text collate "C" not null,
      client_message_id text not null,
      reason text not null,
      at timestamptz not null default now(),
      primary key (conversation_id, sender_id, client_message_id)
    )`.execute(db)
  await sql`create index vetoed_send_at_idx on vetoed_send (at)`.execute(db)
}
