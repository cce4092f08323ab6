//! Chat logs of the Qianniu (千牛) seller workbench, as text: one or many customers' chats one after another.
//!
//! | of the log | becomes |
//! |---|---|
//! | `店铺主账号:子账号` | an agent; `:服务助手` is the bot; the main account itself is an agent too |
//! | any other sender | the customer, whose nick is the id (`t******7` if it is masked) |
//! | a pause of more than 12 hours, another customer | the end of a conversation |
//! | 由 A 转交给 B | the end of A's conversation and the beginning of B's; what the bot said before belongs to the first person |
//! | an answer of another agent, without a transfer | a message of that account in the owner's conversation |
//! | `撤回了一条消息`, 转交, 当前用户来自 | a message of the platform: it is no reply |
//! | goods cards and links, images | `[card]`, `[image]` where there is no other text |
//! | 已读, 未读, 发送中, 千牛 | nothing |
//!
//! A log has no conversation ids: the id is made of customer, start and place in the chat, so that the same log gives
//! the same ids. The revision is the number of messages in the chat: a later, longer export of it replaces the
//! earlier one.
//!
//! Lost: which message was recalled, whether an answer was prepared, the customer's answer about it, who is behind a
//! mask (two customers with the same mask can't be told apart). A text line that ends in a time can look like a
//! header; it is taken for one only if what stands before it can be a nick, with a mask in a log that masks nicks.

mod chat;
mod line;

use std::collections::{BTreeSet, VecDeque};
use std::io::BufRead;

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::lines::Lines;
use crate::{Options, Row, value};
use chat::{Chat, Entry, Who};
use line::{Line, classify, is_nick};

/// The longest pause within a conversation: an answer on the next morning still belongs to the evening's question.
const PAUSE_MAX_S: i64 = 12 * 3600;
/// The bot's sub-account.
const BOT: &str = "服务助手";
/// The channel of conversations from these logs.
const CHANNEL: &str = "qianniu";

/// The conversations of a log.
pub struct ChatLog<R> {
    lines: Lines<R>,
    options: Options,
    /// The shop's main account, from the options or a sub-account seen.
    shop_account: Option<String>,
    /// Whether the log masks its customers: then no customer stands there without a mask.
    masked: bool,
    /// Nicks that a transfer handed a customer to.
    colleagues: BTreeSet<String>,
    chat: Chat,
    ready: VecDeque<Result<Row, Error>>,
    ended: bool,
}

impl<R> std::fmt::Debug for ChatLog<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatLog").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl<R: BufRead> ChatLog<R> {
    /// Reads a log in UTF-8 (see [`crate::Utf8`]); its times are on the merchant's clocks.
    pub fn new(input: R, options: Options) -> Self {
        let shop_account = options.shop_account.clone();
        Self {
            lines: Lines::new(input),
            options,
            shop_account,
            masked: false,
            colleagues: BTreeSet::new(),
            chat: Chat::default(),
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let number = self.lines.number();
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        match classify(text) {
            Line::Header { sender, peer, at } if self.is_sender(sender, peer) => {
                self.header(number, sender, peer, at);
            }
            Line::Header { .. } => self.text(number, text),
            Line::Time(at) => match self.chat.take_nick() {
                Some((line, nick)) => self.header(line, &nick, None, at),
                None if self.chat.is_empty() => {
                    self.wrong(number, "sender", "is missing: a time stands alone");
                }
                None => self.text(number, text),
            },
            Line::Transfer { to } => {
                let to = self.full_name(to);
                self.colleagues.insert(to.clone());
                self.chat.transfer(number, to, text);
            }
            Line::Recall => self.chat.notice(number, text),
            Line::Origin => self.chat.origin(text),
            Line::Card => self.chat.attach("[card]"),
            Line::Image => self.chat.attach("[image]"),
            Line::ReadState | Line::Noise => {}
            Line::Text => self.text(number, text),
        }
    }

    fn text(&mut self, number: u64, text: &str) {
        let nick = is_nick(text.trim());
        if self.chat.is_empty() && !nick {
            self.wrong(number, "sender", "is missing: the text stands before any header");
            return;
        }
        self.stray();
        self.chat.text(number, text, nick);
    }

    /// Whether a header's sender can be somebody. What can't is a text that ends in a time.
    fn is_sender(&self, sender: &str, peer: Option<&str>) -> bool {
        if peer.is_some() || sender == BOT || self.colleagues.contains(&self.full_name(sender)) {
            return true;
        }
        let marked = sender.contains(['*', ':', '：']) || self.shop_account.as_deref() == Some(sender);
        is_nick(sender) && (marked || !self.masked)
    }

    fn header(&mut self, line: u64, sender: &str, peer: Option<&str>, local: jiff::civil::DateTime) {
        let at = match value::civil_instant(local, &self.options.zone) {
            Ok(at) => at,
            Err(why) => {
                self.chat.spoil(line, "time", format!("{local} is no time{why}"));
                return;
            }
        };
        self.stray();
        let who = self.who(sender);
        let customer = match (&who, peer) {
            (Who::Customer(nick), _) => Some(nick.clone()),
            (_, Some(peer)) => match self.who(peer) {
                Who::Customer(nick) => Some(nick),
                _ => None,
            },
            _ => None,
        };
        let another = customer.is_some() && self.chat.customer.is_some() && customer != self.chat.customer;
        let pause = self.chat.last_at().map_or(0, |last| (at - last).num_seconds().abs());
        if another || pause > PAUSE_MAX_S {
            self.close();
        }
        if let Some(customer) = customer {
            self.chat.customer.get_or_insert(customer);
        }
        self.chat.push(Entry::new(line, at, who));
    }

    fn who(&mut self, sender: &str) -> Who {
        let sender = sender.replace('：', ":");
        if let Some((main, sub)) = sender.split_once(':') {
            self.shop_account.get_or_insert_with(|| main.to_owned());
            return if sub == BOT { Who::Bot(sender) } else { Who::Agent(sender) };
        }
        if sender == BOT {
            return Who::Bot(self.full_name(BOT));
        }
        let full = self.full_name(&sender);
        if self.shop_account.as_deref() == Some(&sender) {
            return Who::Agent(sender);
        }
        if self.colleagues.contains(&full) {
            return Who::Agent(full);
        }
        self.masked |= sender.contains('*');
        Who::Customer(sender)
    }

    /// A sub-account with its shop's main account in front.
    fn full_name(&self, nick: &str) -> String {
        let nick = nick.replace('：', ":");
        match &self.shop_account {
            Some(main) if !nick.contains(':') && nick != *main => format!("{main}:{nick}"),
            _ => nick,
        }
    }

    /// Names a first line that looked like a nick, once it is clear that it is none.
    fn stray(&mut self) {
        if let Some(line) = self.chat.stray() {
            self.wrong(line, "sender", "is missing: the text stands before any header");
        }
    }

    fn wrong(&mut self, line: u64, field: &str, reason: &str) {
        self.ready.push_back(Err(Error::row(line, field, reason)));
    }

    fn close(&mut self) {
        let chat = std::mem::take(&mut self.chat);
        let channel = self.options.channel.as_deref().unwrap_or(CHANNEL);
        self.ready.extend(chat.conversations(channel, self.shop_account.as_deref()));
    }
}

impl<R: BufRead> Iterator for ChatLog<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            match self.lines.read_any() {
                Ok(Some(bytes)) => self.line(&bytes),
                Ok(None) => {
                    self.ended = true;
                    self.close();
                }
                Err(error) => {
                    // What was read of the last chat may lack its end: it is not given.
                    self.ended = true;
                    return Some(Err(Error::Read(error)));
                }
            }
        }
        self.ready.pop_front()
    }
}

/// The instant and the nick in one: what a chat is told apart by.
fn chat_id(customer: &str, start: DateTime<Utc>, part: usize) -> String {
    format!("{customer}@{}/{part}", start.timestamp())
}
