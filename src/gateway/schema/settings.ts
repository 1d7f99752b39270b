// The settings of a schema registry, under the names that its users have: SCHEMA_REGISTRY_URL and
// SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO in the environment, and the subject and message of a route.
import { type Rule, text } from '../config/rules.ts';

const MAX_SERVERS = 16;

/** Servers of one registry. Credentials in a URL are refused: URLs are shown in messages. */
export const REGISTRY_URLS: Rule<readonly string[]> = {
  allowed: 'URLs of one schema registry separated by commas, without credentials, such as http://registry:8081',
  parse(raw) {
    const list = typeof raw === 'string' ? raw.split(',').map((url) => url.trim()) : [];
    const good = (url: string): boolean => /^https?:\/\/[^\s@?#]+$/.test(url) && URL.canParse(url);
    return list.length >= 1 && list.length <= MAX_SERVERS && list.every(good) ? list : undefined;
  },
};

export const REGISTRY_USER_INFO: Rule<string> = {
  ...text(/^[^:\p{Cc}]{1,256}:[^\p{Cc}]{0,1024}$/u, 'user:password'),
  secret: true,
};

export const SUBJECT: Rule<string> = text(
  /^[^\p{Cc}]{1,256}$/u,
  'a subject of the schema registry, such as orders-value',
);

export const MESSAGE: Rule<string> = text(
  /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/,
  'a Protobuf message of that schema, such as shop.v1.Order or Order',
);
