//! The live board pushed: one reader for each board that somebody watches, and a task for each client that tells it what it
//! misses. Replicas need no word of each other: each looks at the versions of figures.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use calendar::MerchantCalendar;
use pg::page::PageRequest;
use runtime::identity::{Reach, Scope};
use runtime::ids::MerchantId;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::domain::asking::AskFigures;
use crate::domain::board::{Board, Cursor, RowKey, RowKind, Update, View};
use crate::domain::definition::STANDARD;
use crate::domain::figure::{DayRange, DefinitionRef, Figures, Filter, Group};
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;
use crate::store::FigureCursor;

/// Rows of a kind that a board can have.
const ROWS_MAX: u32 = 20_000;
/// How long a merchant's calendar is remembered by a reader.
const CALENDAR: Duration = Duration::from_secs(10);
/// Looks after which a client's cursor that is still ahead of the figures is taken for one of another database.
const LOOKS_BEHIND: u32 = 5;

/// How boards are pushed.
#[derive(Debug, Clone, Copy)]
pub struct Pushing {
    /// A board is read at most so often.
    pub read: Duration,
    /// How often a client hears that nothing happened.
    pub heartbeat: Duration,
    /// How long a client may take to accept an update.
    pub slow: Duration,
    /// Clients at once.
    pub clients_max: usize,
    /// Boards at once.
    pub boards_max: usize,
}

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Boards {
    metrics: Metrics,
    pushing: Pushing,
    clients: Arc<Semaphore>,
    rooms: Arc<Mutex<HashMap<BoardKey, Weak<Room>>>>,
}

/// A merchant, and the shop if it is the board of one.
type BoardKey = (MerchantId, Option<String>);
type Latest = Option<Arc<Board>>;

/// Where the clients of a board meet: its reader ends when the last one leaves.
#[derive(Debug)]
struct Room {
    latest: watch::Receiver<Latest>,
    _reader: DropGuard,
}

impl Boards {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics, pushing: Pushing) -> Self {
        let clients = Arc::new(Semaphore::new(pushing.clients_max));
        Self { metrics, pushing, clients, rooms: Arc::default() }
    }

    /// Pushes today's figures (of a shop, or all) to somebody who has what came with `cursor`.
    pub async fn watch(
        &self,
        scope: &Scope,
        shop: Option<String>,
        cursor: Option<Cursor>,
    ) -> Result<mpsc::Receiver<Result<Update>>> {
        // A merchant that nobody knows yet is told so at once, and not by a board that never comes.
        self.metrics.today(&scope.merchant).await?;
        let place = self.clients.clone().try_acquire_owned().map_err(|_| MetricsError::TooManyBoards)?;
        let room = self.join((scope.merchant.clone(), shop))?;
        let view = match &scope.reach {
            Reach::Merchant => View::All,
            Reach::Own(person) => View::Own(person.to_string()),
            Reach::Team(lead) => View::Led(lead.to_string()),
        };
        // One update waits to be taken; the other place is for the word with which a stream ends.
        let (tell, told) = mpsc::channel(2);
        let client = Client {
            view,
            pushing: self.pushing,
            stop: self.metrics.stop.clone(),
            latest: room.latest.clone(),
            has: None,
            cursor,
            tell,
        };
        let push = async move {
            client.push().await;
            drop((room, place));
        };
        tokio::spawn(push.in_current_span());
        Ok(told)
    }

    fn join(&self, key: BoardKey) -> Result<Arc<Room>> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&key).and_then(Weak::upgrade) {
            return Ok(room);
        }
        rooms.retain(|_, room| room.strong_count() > 0);
        if rooms.len() >= self.pushing.boards_max {
            return Err(MetricsError::TooManyBoards);
        }
        let (publish, latest) = watch::channel(None);
        let stop = self.metrics.stop.child_token();
        let reader = Reader {
            metrics: self.metrics.clone(),
            key: key.clone(),
            publish,
            calendar: None,
            pause: self.pushing.read,
            stop: stop.clone(),
        };
        tokio::spawn(reader.read_on().instrument(tracing::info_span!("background", task = "metrics.board")));
        let room = Arc::new(Room { latest, _reader: stop.drop_guard() });
        rooms.insert(key, Arc::downgrade(&room));
        Ok(room)
    }
}

/// Reads a board again whenever its figures have another version.
struct Reader {
    metrics: Metrics,
    key: BoardKey,
    publish: watch::Sender<Latest>,
    calendar: Option<(Instant, MerchantCalendar)>,
    pause: Duration,
    stop: CancellationToken,
}

impl Reader {
    async fn read_on(mut self) {
        let mut failed = false;
        loop {
            match self.look().await {
                Ok(()) => failed = false,
                Err(error) => {
                    // Said once, not with every look.
                    if !failed {
                        let error = status::chain(&error);
                        tracing::warn!(merchant = %self.key.0, error, "cannot read the board now");
                    }
                    failed = true;
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(self.pause) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        let (merchant, shop) = (self.key.0.clone(), self.key.1.clone());
        let now = self.metrics.clock.now();
        let known = self.calendar.as_ref().filter(|(read_at, _)| read_at.elapsed() < CALENDAR);
        let calendar = match known {
            Some((_, calendar)) => calendar.clone(),
            None => self.metrics.store.find_calendar(&merchant).await?,
        };
        if known.is_none() {
            self.calendar = Some((Instant::now(), calendar.clone()));
        }
        let day = calendar.business_day(now);
        // Before the figures: they are at least as new as the version that they are told under.
        let version = self.metrics.store.find_figure_version(&merchant, day).await?;
        let cursor = Cursor { day, version };
        let before = self.publish.borrow().clone();
        if before.as_ref().is_some_and(|board| board.cursor == cursor) {
            return Ok(());
        }
        let scope = Scope::merchant(merchant);
        let mut rows: BTreeMap<RowKey, Arc<Figures>> = BTreeMap::new();
        let mut definition_version = 0;
        let groups = [
            (RowKind::Whole, Group::Merchant),
            (RowKind::Shop, Group::Shop),
            (RowKind::Team, Group::Team),
            (RowKind::Person, Group::Person),
        ];
        for (kind, group) in groups {
            let range = DayRange { from: day, to: day };
            let filter = Filter { shops: shop.iter().cloned().collect(), ..Filter::default() };
            let standard = DefinitionRef { id: STANDARD.to_owned(), version: None };
            let ask = AskFigures::new(range, group, filter, standard);
            let page: PageRequest<FigureCursor> = PageRequest::first(ROWS_MAX, "board");
            let found = self.metrics.get_figures(&scope, &ask, &page).await?;
            definition_version = found.ruling.on(day).version;
            rows.extend(found.figures.items.into_iter().map(|row| ((kind, row.key.clone()), Arc::new(row))));
        }
        let teams = self.metrics.store.list_teams_on(&scope.merchant, day).await?;
        let fresh = Board { cursor, definition_version, read_at: now, rows, teams };
        let board = Arc::new(fresh.after(before.as_deref()));
        self.publish.send_replace(Some(board));
        Ok(())
    }
}

/// Somebody who watches.
struct Client {
    view: View,
    pushing: Pushing,
    stop: CancellationToken,
    latest: watch::Receiver<Latest>,
    /// The board that they have.
    has: Latest,
    /// What they said that they have.
    cursor: Option<Cursor>,
    tell: mpsc::Sender<Result<Update>>,
}

impl Client {
    /// Tells updates until the client or the service goes, or the client takes too long.
    async fn push(mut self) {
        // Whatever waits, there is room for the word with which the stream ends.
        let Ok(last) = self.tell.clone().try_reserve_owned() else { return };
        if let Err(end) = self.push_on().await
            && let Some(end) = end
        {
            last.send(Err(end));
        }
    }

    /// Ends with what the client is to be told; `None`: it is gone.
    async fn push_on(&mut self) -> Result<(), Option<MetricsError>> {
        let ahead_until = Instant::now() + self.pushing.read * LOOKS_BEHIND;
        let mut heartbeat_at = Instant::now() + self.pushing.heartbeat;
        loop {
            let board = self.latest.borrow_and_update().clone();
            if let Some(board) = board
                && let Some(update) = self.news(board, ahead_until)
            {
                self.send(update).await?;
                heartbeat_at = Instant::now() + self.pushing.heartbeat;
            }
            let is_ahead = self.has.is_none() && self.latest.borrow().is_some();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Some(MetricsError::Stopping)),
                () = self.tell.closed() => return Err(None),
                changed = self.latest.changed() => {
                    if changed.is_err() {
                        return Err(Some(MetricsError::Stopping));
                    }
                }
                () = sleep_until(ahead_until), if is_ahead => {}
                () = sleep_until(heartbeat_at) => {
                    self.send(Update::heartbeat(self.has.as_deref())).await?;
                    heartbeat_at = Instant::now() + self.pushing.heartbeat;
                }
            }
        }
    }

    /// What the client misses of a board.
    fn news(&mut self, board: Arc<Board>, ahead_until: Instant) -> Option<Update> {
        let update = match (&self.has, self.cursor) {
            (Some(has), _) if has.cursor >= board.cursor => return None,
            (Some(has), _) => board.update(&self.view, Some(has)),
            // They have it already.
            (None, Some(cursor)) if cursor == board.cursor => Some(Update::heartbeat(Some(&board))),
            // Another replica was quicker.
            (None, Some(cursor)) if cursor > board.cursor && Instant::now() < ahead_until => return None,
            (None, _) => board.update(&self.view, None),
        };
        self.has = Some(board);
        update
    }

    async fn send(&self, update: Update) -> Result<(), Option<MetricsError>> {
        match timeout(self.pushing.slow, self.tell.reserve()).await {
            Ok(Ok(place)) => {
                place.send(Ok(update));
                Ok(())
            }
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some(MetricsError::BoardClientSlow)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use testkit::eventually;

    use super::*;
    use crate::domain::board::Teams;

    fn board(version: i64, accounts: i64) -> Arc<Board> {
        let day = NaiveDate::from_ymd_opt(2020, 6, 30).expect("a day");
        let range = DayRange { from: day, to: day };
        let row =
            Figures { active_accounts: accounts, ..Figures::nothing(String::new(), String::new(), range) };
        Arc::new(Board {
            cursor: Cursor { day, version },
            definition_version: 1,
            read_at: DateTime::UNIX_EPOCH,
            rows: BTreeMap::from([((RowKind::Whole, String::new()), Arc::new(row))]),
            teams: Teams::default(),
        })
    }

    struct Watching {
        publish: watch::Sender<Latest>,
        told: mpsc::Receiver<Result<Update>>,
        stop: CancellationToken,
    }

    fn client(cursor: Option<Cursor>, pushing: Pushing) -> (Client, Watching) {
        let (publish, latest) = watch::channel(None);
        let (tell, told) = mpsc::channel(2);
        let stop = CancellationToken::new();
        let view = View::All;
        let client = Client { view, pushing, stop: stop.clone(), latest, has: None, cursor, tell };
        (client, Watching { publish, told, stop })
    }

    fn watching(cursor: Option<Cursor>, pushing: Pushing) -> Watching {
        let (client, watching) = client(cursor, pushing);
        tokio::spawn(client.push());
        watching
    }

    const PATIENT: Pushing = Pushing {
        read: Duration::from_millis(20),
        heartbeat: Duration::from_secs(600),
        slow: Duration::from_secs(600),
        clients_max: 1,
        boards_max: 1,
    };

    async fn version(told: &mut mpsc::Receiver<Result<Update>>) -> (i64, bool, usize) {
        let told = timeout(Duration::from_secs(10), told.recv()).await.expect("is told in time");
        let update = told.expect("goes on").expect("an update");
        (update.cursor.expect("is known").version, update.complete, update.rows.len())
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_told_to_come_again() {
        let mut slow = watching(None, Pushing { slow: Duration::from_millis(50), ..PATIENT });
        slow.publish.send_replace(Some(board(1, 1)));
        eventually(Duration::from_secs(10), async || slow.told.len() == 1).await;
        for number in 2..=100 {
            slow.publish.send_replace(Some(board(number, number)));
        }
        eventually(Duration::from_secs(10), async || slow.publish.receiver_count() == 0).await;
        assert_eq!(slow.told.len(), 2, "one update and the last word");
        assert_eq!(version(&mut slow.told).await, (1, true, 1));
        let end = slow.told.recv().await.expect("a word").expect_err("is slow");
        assert!(matches!(end, MetricsError::BoardClientSlow), "{end}");
        assert!(slow.told.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_burst_is_one_update() {
        let mut quick = watching(None, PATIENT);
        quick.publish.send_replace(Some(board(1, 1)));
        assert_eq!(version(&mut quick.told).await, (1, true, 1));
        for number in 2..=50 {
            quick.publish.send_replace(Some(board(number, number)));
        }
        assert_eq!(version(&mut quick.told).await, (50, false, 1));
    }

    #[tokio::test]
    async fn who_resumes_is_told_what_they_miss_and_nothing_twice() {
        let has = Some(board(5, 1).cursor);
        let mut same = watching(has, PATIENT);
        same.publish.send_replace(Some(board(5, 1)));
        assert_eq!(version(&mut same.told).await, (5, false, 0), "has it");
        same.publish.send_replace(Some(board(6, 2)));
        assert_eq!(version(&mut same.told).await, (6, false, 1));
        let mut missed = watching(has, PATIENT);
        missed.publish.send_replace(Some(board(6, 2)));
        assert_eq!(version(&mut missed.told).await, (6, true, 1));
        let mut forged = watching(has, PATIENT);
        forged.publish.send_replace(Some(board(4, 1)));
        assert_eq!(version(&mut forged.told).await, (4, true, 1), "no figures ever had that version");
    }

    #[test]
    fn a_replica_that_is_behind_keeps_quiet_until_it_has_caught_up() {
        let (mut client, _watching) = client(Some(board(5, 1).cursor), PATIENT);
        let later = Instant::now() + Duration::from_secs(600);
        assert!(client.news(board(4, 1), later).is_none());
        let same = client.news(board(5, 1), later).expect("a word");
        assert!(!same.complete && same.rows.is_empty());
        assert!(client.news(board(5, 1), later).is_none(), "nothing twice");
    }

    #[tokio::test]
    async fn a_silent_stream_beats_and_ends_with_the_service() {
        let mut quiet = watching(None, Pushing { heartbeat: Duration::from_millis(20), ..PATIENT });
        quiet.publish.send_replace(Some(board(1, 1)));
        while version(&mut quiet.told).await.2 == 0 {}
        assert_eq!(version(&mut quiet.told).await, (1, false, 0), "a heartbeat");
        quiet.stop.cancel();
        let end = loop {
            match quiet.told.recv().await.expect("a word") {
                Ok(beat) => assert!(beat.rows.is_empty()),
                Err(end) => break end,
            }
        };
        assert!(matches!(end, MetricsError::Stopping), "{end}");
    }
}
