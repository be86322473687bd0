import { type Kysely, sql } from 'kysely'

/** A suspension whose reason becomes that of a deletion is told too; until now, only one that began with it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function note_account_event() returns trigger language plpgsql as $$
    declare
      told text;
      more jsonb := '{}';
    begin
      if not exists (select from webhook_endpoint) then return null; end if;
      if tg_op = 'INSERT' then told := 'user.created';
      elsif new.suspended_at is not null and (
        old.suspended_at is null
        or (new.suspension_reason = '@deleted' and old.suspension_reason is distinct from '@deleted')
      ) then
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
}
