//! The demo merchant: settings, people and conversations, sent in through the gateway like anybody's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use proto::access::Role;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::performance::v1::{GetMerchantRequest, ImportPeopleRequest, Shop, UpdateMerchantRequest};
use serde::{Deserialize, Serialize};

use super::{Folder, shown};
use crate::ingest;
use crate::session::{Session, Target, explain};
use crate::state::TOKEN_LIFETIME;
use crate::suite::Suite;

/// The demo merchant's id.
pub const MERCHANT: &str = "demo";

const SETTINGS: &[u8] = include_bytes!("../../demo/merchant.json");
const PEOPLE: &[u8] = include_bytes!("../../demo/people.csv");
const CONVERSATIONS: &[u8] = include_bytes!("../../demo/star.jsonl.xz");
/// Made up: what might have followed from the conversations.
const FACTS: &[u8] = include_bytes!("../../demo/facts.jsonl.xz");
const SHOP: &str = "star";

/// What was put in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Loaded {
    /// People in the directory.
    pub people: i32,
    /// Conversations accepted.
    pub conversations: i64,
    /// Made-up orders, payments and so on.
    pub facts: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    merchant_id: String,
    name: String,
    time_zone: String,
    cut_over_hour: i32,
    shops: Vec<SettingsShop>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettingsShop {
    shop_id: String,
    name: String,
}

/// Loads the demo merchant into a suite that has not got it yet. Everything is idempotent, so a load that was cut
/// simply begins again.
pub(super) async fn load_once(suite: &Suite, folder: &Folder, quiet: bool) -> Result<Option<Loaded>> {
    let done = folder.path().join("demo.json");
    if done.exists() {
        return Ok(None);
    }
    let loaded = load(suite, folder.path(), quiet).await?;
    fs::write(&done, serde_json::to_vec(&loaded)?).with_context(|| format!("write {}", done.display()))?;
    Ok(Some(loaded))
}

/// Loads settings, people and conversations.
pub async fn load(suite: &Suite, folder: &Path, quiet: bool) -> Result<Loaded> {
    let people = load_people(suite).await?;
    shown::step(quiet, "conversations");
    let session = session(suite, Role::ServiceAccount).await?;
    let chats = write(folder, "star.jsonl.xz", CONVERSATIONS)?;
    let conversations = send(&session, ingest::Content::Conversations, chats, quiet).await?;
    shown::step(quiet, "made-up orders");
    let facts = write(folder, "facts.jsonl.xz", FACTS)?;
    let facts = send(&session, ingest::Content::Mixed, facts, quiet).await?;
    Ok(Loaded { people, conversations, facts })
}

/// Sends a demo file, of which every line has to be good.
async fn send(session: &Session, content: ingest::Content, file: PathBuf, quiet: bool) -> Result<i64> {
    let options = ingest::Options { shop: Some(SHOP.to_owned()), ..ingest::Options::of(content, file) };
    let summary = ingest::run(session, &options, quiet).await?;
    if let Some(ingest::Refused { line, field, reason }) = summary.rejects.first() {
        bail!("line {line} of {} was refused: {field} {reason}", options.file.display());
    }
    Ok(summary.accepted + summary.unchanged + summary.stale)
}

/// Loads the settings and the people.
async fn load_people(suite: &Suite) -> Result<i32> {
    let session = session(suite, Role::Manager).await?;
    let mut client = PeopleServiceClient::new(session.channel());
    put_settings(&mut client).await?;
    let request = ImportPeopleRequest { csv: PEOPLE.to_vec(), dry_run: false };
    let answer = client.import_people(request).await.map_err(|status| explain(&status, "import people"))?;
    let answer = answer.into_inner();
    if let Some(error) = answer.errors.first() {
        bail!("line {} of the demo people: {}: {}", error.line, error.field, error.description);
    }
    Ok(answer.created + answer.updated + answer.unchanged)
}

async fn put_settings(client: &mut PeopleServiceClient<crate::session::Signed>) -> Result<()> {
    let settings: Settings = serde_json::from_slice(SETTINGS).context("the demo merchant's settings")?;
    anyhow::ensure!(settings.merchant_id == MERCHANT, "the demo merchant is called {MERCHANT}");
    let merchant = client.get_merchant(GetMerchantRequest {}).await;
    let merchant = merchant.map_err(|status| explain(&status, "read the merchant"))?.into_inner().merchant;
    let shops: Vec<Shop> =
        settings.shops.into_iter().map(|shop| Shop { shop_id: shop.shop_id, name: shop.name }).collect();
    let merchant = merchant.unwrap_or_default();
    if merchant.name == settings.name && merchant.shops == shops {
        return Ok(());
    }
    let request = UpdateMerchantRequest {
        name: settings.name,
        time_zone: settings.time_zone,
        cut_over_hour: settings.cut_over_hour,
        shops,
        etag: merchant.etag,
        request_id: String::new(),
    };
    client.update_merchant(request).await.map_err(|status| explain(&status, "set up the merchant"))?;
    Ok(())
}

/// Lays a file down, for the importer and for people to try it with.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    if fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64) {
        return Ok(path);
    }
    fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

async fn session(suite: &Suite, role: Role) -> Result<Session> {
    let token = suite.keys().token(MERCHANT, role, None, TOKEN_LIFETIME)?;
    let target = Target { gateway: Some(suite.gateway()), token: Some(token), ..Target::default() };
    Session::open(&target, role).await
}
