//! People for tests: by the file, as HR would bring them.

use jinpai::session::Session;
use proto::performance::v1::ImportPeopleRequest;
use proto::performance::v1::people_service_client::PeopleServiceClient;

/// Everybody who works for the demo merchant.
pub const DEMO: &str = include_str!("../../services/jinpai/demo/people.csv");

/// Imports a people file, of which every line has to be good.
pub async fn import(session: &Session, csv: &str) {
    let mut people = PeopleServiceClient::new(session.channel());
    let request = ImportPeopleRequest { csv: csv.as_bytes().to_vec(), dry_run: false };
    let answer = people.import_people(request).await.expect("imports").into_inner();
    assert_eq!(answer.errors, []);
}
