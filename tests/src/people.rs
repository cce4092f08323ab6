//! The merchant and its people for tests: set up as a manager would, brought by a file as HR would.

use std::time::Duration;

use chrono::NaiveDate;
use jinpai::session::Session;
use proto::metrics::v1::GetDayRequest;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::performance::v1::{GetMerchantRequest, ImportPeopleRequest, UpdateMerchantRequest};
use proto::time::date;
use status::Problem;
use testkit::eventually;

/// Everybody who works for the demo merchant.
pub const DEMO: &str = include_str!("../../services/jinpai/demo/people.csv");

/// What an event takes at most, on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_secs(60);

/// Sets the merchant up, with Chinese days, unless it is, and waits until metrics has heard of it.
pub async fn set_up(session: &Session) {
    let mut people = PeopleServiceClient::new(session.channel());
    let merchant = people.get_merchant(GetMerchantRequest {}).await.expect("answers").into_inner().merchant;
    let merchant = merchant.expect("a merchant");
    if merchant.etag != "0" {
        return;
    }
    let request = UpdateMerchantRequest {
        name: merchant.name,
        time_zone: merchant.time_zone,
        cut_over_hour: merchant.cut_over_hour,
        shops: merchant.shops,
        etag: merchant.etag,
        request_id: String::new(),
    };
    people.update_merchant(request).await.expect("is set up");
    let request = GetDayRequest { business_day: Some(date(NaiveDate::default())) };
    let mut metrics = MetricsServiceClient::new(session.channel());
    eventually(HEARD_WITHIN, async || match metrics.get_day(request).await {
        Err(status) if Problem::from_status(&status).reason == "MERCHANT_UNKNOWN" => false,
        answer => answer.map(|_| true).expect("answers"),
    })
    .await;
}

/// Sets the merchant up and imports a people file, of which every line has to be good.
pub async fn import(session: &Session, csv: &str) {
    set_up(session).await;
    let mut people = PeopleServiceClient::new(session.channel());
    let request = ImportPeopleRequest { csv: csv.as_bytes().to_vec(), dry_run: false };
    let answer = people.import_people(request).await.expect("imports").into_inner();
    assert_eq!(answer.errors, []);
}
