//! Merchants and their shops.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use runtime::ids::{MerchantId, ShopId};
use serde_json::json;

use crate::domain::merchant::{Merchant, Settings, Shop};
use crate::error::PerformanceError;
use crate::outgoing;
use crate::store::Store;
use crate::store::change::Change;
use crate::store::schema::{merchants, shops};

type MerchantRow = (String, String, i16, i64);

impl Store {
    /// The settings of the scope's merchant; the defaults before anybody set them.
    pub async fn find_merchant(&self, scope: &Scope) -> Result<Merchant, PerformanceError> {
        let mut conn = self.pool.get().await?;
        load(&mut conn, &scope.merchant).await
    }

    /// Changes the settings if the caller saw the latest.
    pub async fn update_merchant(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        etag: &str,
        decide: impl FnOnce(Merchant) -> Result<Merchant, PerformanceError> + Send,
    ) -> Result<Merchant, PerformanceError> {
        by.change(&self.pool, now, async |conn| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            let merchant = load(change.conn, &scope.merchant).await?;
            if merchant.etag() != etag {
                return Err(PerformanceError::EtagMismatch { entity: "merchant".to_owned() });
            }
            let next = decide(merchant)?;
            save(&mut change, next).await
        })
        .await
    }
}

async fn save(change: &mut Change<'_>, mut merchant: Merchant) -> Result<Merchant, PerformanceError> {
    merchant.version += 1;
    let settings = &merchant.settings;
    diesel::update(merchants::table.find(change.merchant.as_str()))
        .set((
            merchants::name.eq(&settings.name),
            merchants::time_zone.eq(&settings.time_zone),
            merchants::cut_over_hour.eq(i16::from(settings.cut_over_hour)),
            merchants::version.eq(merchant.version),
            merchants::changed_at.eq(change.now),
        ))
        .execute(change.conn)
        .await?;
    diesel::delete(shops::table.filter(shops::merchant_id.eq(change.merchant.as_str())))
        .execute(change.conn)
        .await?;
    let rows: Vec<_> = settings
        .shops
        .iter()
        .map(|shop| {
            let merchant_id = shops::merchant_id.eq(merchant.id.as_str());
            (merchant_id, shops::shop_id.eq(shop.id.as_str()), shops::name.eq(&shop.name))
        })
        .collect();
    diesel::insert_into(shops::table).values(rows).execute(change.conn).await?;
    let summary = json!({
        "name": settings.name,
        "time_zone": settings.time_zone,
        "cut_over_hour": settings.cut_over_hour,
        "shops": settings.shops.len(),
        "version": merchant.version,
    });
    change.audit("merchant".to_owned(), summary).await?;
    change.publish(outgoing::merchant_changed(&merchant, change.now)).await?;
    Ok(merchant)
}

/// The settings as they are now.
pub(super) async fn load(
    conn: &mut AsyncPgConnection,
    id: &MerchantId,
) -> Result<Merchant, PerformanceError> {
    let row = merchants::table
        .find(id.as_str())
        .select((merchants::name, merchants::time_zone, merchants::cut_over_hour, merchants::version))
        .first::<MerchantRow>(conn)
        .await
        .optional()?;
    let Some((name, time_zone, cut_over_hour, version)) = row else { return Ok(Merchant::unset(id.clone())) };
    let shops = shops::table
        .filter(shops::merchant_id.eq(id.as_str()))
        .order(shops::shop_id)
        .select((shops::shop_id, shops::name))
        .load::<(String, String)>(conn)
        .await?;
    let shops = shops.into_iter().map(|(id, name)| Shop { id: ShopId::new(id), name }).collect();
    let cut_over_hour = u8::try_from(cut_over_hour).map_err(|e| pg::Error::unreadable("merchants", id, e))?;
    Ok(Merchant { id: id.clone(), settings: Settings { name, time_zone, cut_over_hour, shops }, version })
}
