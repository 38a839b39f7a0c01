-- Programs go on from 0042.
-- What accounts hold is looked up among the entitlements that the configuration knows, also where these are a great many.
create index configuration_object_entitlement
  on configuration_object ((body ->> 'account_type'), (body ->> 'key'), name)
  where kind = 'entitlements' and to_version is null;
