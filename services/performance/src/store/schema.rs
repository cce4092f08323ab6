//! The tables as Diesel sees them, written by hand; a test holds them against the migrated database.

diesel::table! {
    merchants (merchant_id) {
        merchant_id -> Text,
        name -> Text,
        time_zone -> Text,
        cut_over_hour -> SmallInt,
        version -> BigInt,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    shops (merchant_id, shop_id) {
        merchant_id -> Text,
        shop_id -> Text,
        name -> Text,
    }
}

diesel::table! {
    teams (merchant_id, team_id) {
        merchant_id -> Text,
        team_id -> Text,
        name -> Text,
        archived -> Bool,
        version -> BigInt,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    people (merchant_id, person_id) {
        merchant_id -> Text,
        person_id -> Text,
        name -> Text,
        status -> Text,
        position -> Text,
        roles -> Array<Text>,
        merged_into -> Nullable<Text>,
        version -> BigInt,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    memberships (merchant_id, person_id, from_day) {
        merchant_id -> Text,
        person_id -> Text,
        from_day -> Date,
        to_day -> Nullable<Date>,
        team_id -> Text,
        lead -> Bool,
    }
}

diesel::table! {
    accounts (merchant_id, account_id, from_day) {
        merchant_id -> Text,
        account_id -> Text,
        from_day -> Date,
        to_day -> Nullable<Date>,
        person_id -> Text,
    }
}

diesel::table! {
    person_revisions (merchant_id, person_id, version) {
        merchant_id -> Text,
        person_id -> Text,
        version -> BigInt,
        at -> Timestamptz,
        actor -> Text,
        person -> Jsonb,
    }
}

diesel::allow_tables_to_appear_in_same_query!(accounts, memberships, people, teams);
