//! A person of the directory, and what may be done to one.
//!
//! Two invariants hold over all people of a merchant: an account has at most one owner on a day, and a person is in
//! at most one team on a day. The functions here keep them among the people they are given; the store gives them
//! everybody concerned, under the merchant's lock, and named constraints stand behind it.

use chrono::{DateTime, NaiveDate, Utc};
use proto::access::Role;
use runtime::ids::{AccountId, PersonId, TeamId};

use crate::domain::span::Span;
use crate::error::PerformanceError;

/// Where a person stands in their employment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersonStatus {
    /// Put in from an account met in chats; nobody has said yet who it is.
    Unconfirmed,
    /// 见习.
    Trainee,
    /// 试用.
    Probation,
    /// 正式.
    Regular,
    /// 离职.
    Left,
}

impl PersonStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Unconfirmed, Self::Trainee, Self::Probation, Self::Regular, Self::Left];

    /// The word used in tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Trainee => "trainee",
            Self::Probation => "probation",
            Self::Regular => "regular",
            Self::Left => "left",
        }
    }

    /// The status of such a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// A stay in a team.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The team.
    pub team: TeamId,
    /// Whether the person leads it.
    pub lead: bool,
    /// When.
    pub span: Span,
}

/// A platform account and when it was this person's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// The account.
    pub id: AccountId,
    /// When.
    pub span: Span,
}

/// What people say about a person, as against what follows from teams and accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// The name.
    pub name: String,
    /// The employment.
    pub status: PersonStatus,
    /// 岗位, free text.
    pub position: String,
    /// Sorted, each once.
    pub roles: Vec<Role>,
}

/// Somebody who works for the merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: PersonId,
    /// What people say about them.
    pub details: Details,
    /// Ordered by day.
    pub memberships: Vec<Membership>,
    /// Ordered by account and day.
    pub accounts: Vec<Account>,
    /// Who took over the accounts of this once unconfirmed person.
    pub merged_into: Option<PersonId>,
    /// Grows by one with each change; 0 before the first save.
    pub version: i64,
    /// When the last change was.
    pub changed_at: DateTime<Utc>,
}

/// A person after one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// When the change was.
    pub at: DateTime<Utc>,
    /// Who made it.
    pub actor: String,
    /// How the person then was.
    pub person: Person,
}

/// Which people a list shows; an empty filter shows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// One of these.
    pub statuses: Vec<PersonStatus>,
    /// In this team on the list's day.
    pub team: Option<TeamId>,
    /// Part of name, person id or account id.
    pub text: String,
    /// Also unconfirmed people whose accounts went to somebody.
    pub include_merged: bool,
}

impl Person {
    /// Somebody new, without teams and accounts.
    pub fn new(id: PersonId, details: Details, now: DateTime<Utc>) -> Self {
        Self {
            id,
            details,
            memberships: vec![],
            accounts: vec![],
            merged_into: None,
            version: 0,
            changed_at: now,
        }
    }

    /// Whoever is behind an account that nobody knows yet; called by the account until they are confirmed.
    pub fn unconfirmed(id: PersonId, account: AccountId, span: Span, now: DateTime<Utc>) -> Self {
        let details = Details {
            name: account.to_string(),
            status: PersonStatus::Unconfirmed,
            position: String::new(),
            roles: vec![Role::Agent],
        };
        Self { accounts: vec![Account { id: account, span }], ..Self::new(id, details, now) }
    }

    /// The etag that an edit has to quote.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }

    /// Whether nobody has said yet who it is.
    pub fn is_unconfirmed(&self) -> bool {
        self.details.status == PersonStatus::Unconfirmed
    }

    /// Replaces what people say about the person.
    pub fn revise(self, details: Details) -> Result<Self, PerformanceError> {
        Ok(Self { details, ..self.open()? })
    }

    /// Puts the person into a team; see `ChangeMembership` in the proto.
    pub fn join_team(self, stay: Membership) -> Result<Self, PerformanceError> {
        let mut person = self.open()?;
        person.memberships.retain(|m| m.team != stay.team || m.span.from != stay.span.from);
        for earlier in &mut person.memberships {
            if earlier.span.to.is_none()
                && earlier.span.from < stay.span.from
                && let Some(shorter) = earlier.span.until_before(stay.span.from)
            {
                earlier.span = shorter;
            }
        }
        person.memberships.push(stay);
        person.in_order()
    }

    /// Takes back the stay in `team` that began on `from`.
    pub fn leave_out_stay(self, team: &TeamId, from: NaiveDate) -> Result<Self, PerformanceError> {
        let mut person = self;
        let before = person.memberships.len();
        person.memberships.retain(|m| m.team != *team || m.span.from != from);
        if person.memberships.len() == before {
            return Err(PerformanceError::MembershipNotFound { team: team.clone(), from });
        }
        Ok(person)
    }

    /// Takes back the assignment of `account` that began on `from`, and says for which days it was.
    pub fn leave_out_account(
        self,
        account: &AccountId,
        from: NaiveDate,
    ) -> Result<(Self, Span), PerformanceError> {
        let mut person = self.open()?;
        if person.is_unconfirmed() {
            return Err(PerformanceError::PersonUnconfirmed { person: person.id });
        }
        let at = person.accounts.iter().position(|a| a.id == *account && a.span.from == from);
        let at = at.ok_or_else(|| PerformanceError::AccountNotFound { account: account.clone(), from })?;
        let taken = person.accounts.remove(at);
        Ok((person, taken.span))
    }

    /// Says that the account is this person's on the days, on top of the days it already was. The same beginning with
    /// another end changes the end instead.
    pub fn add_account(self, account: Account) -> Result<Self, PerformanceError> {
        let mut person = self.open()?;
        let same =
            person.accounts.iter_mut().find(|a| a.id == account.id && a.span.from == account.span.from);
        if let Some(same) = same {
            same.span = account.span;
        } else {
            person.accounts.push(account);
        }
        person.accounts = coalesced(person.accounts);
        Ok(person)
    }

    /// Replaces all stays.
    pub fn with_memberships(self, memberships: Vec<Membership>) -> Result<Self, PerformanceError> {
        Self { memberships, ..self.open()? }.in_order()
    }

    /// Replaces all accounts.
    pub fn with_accounts(self, accounts: Vec<Account>) -> Result<Self, PerformanceError> {
        Ok(Self { accounts: coalesced(accounts), ..self.open()? })
    }

    /// Without the days of `account`. An unconfirmed person who has no account left was merged into the taker.
    pub fn give_up(self, account: &Account, taker: &PersonId) -> Self {
        let mut person = self;
        let (theirs, mut others): (Vec<_>, Vec<_>) =
            person.accounts.into_iter().partition(|a| a.id == account.id);
        let left = theirs.iter().flat_map(|a| a.span.minus(account.span));
        others.extend(left.map(|span| Account { id: account.id.clone(), span }));
        person.accounts = coalesced(others);
        if person.is_unconfirmed() && person.accounts.is_empty() {
            person.details.status = PersonStatus::Left;
            person.merged_into = Some(taker.clone());
        }
        person
    }

    /// Whether the person has the account on one of these days.
    pub fn holds(&self, account: &Account) -> bool {
        self.accounts.iter().any(|a| a.id == account.id && a.span.overlaps(account.span))
    }

    /// A merged person is a record of the past: whoever means them means the taker.
    fn open(self) -> Result<Self, PerformanceError> {
        match self.merged_into {
            Some(into) => Err(PerformanceError::PersonMerged { person: self.id, into }),
            None => Ok(self),
        }
    }

    /// Sorts the stays and refuses two teams on one day.
    fn in_order(mut self) -> Result<Self, PerformanceError> {
        self.memberships.sort_by(|a, b| (a.span.from, &a.team).cmp(&(b.span.from, &b.team)));
        let clash = self.memberships.windows(2).find(|pair| pair[0].span.overlaps(pair[1].span));
        match clash {
            Some(pair) => Err(PerformanceError::MembershipOverlaps {
                person: self.id.clone(),
                team: pair[0].team.clone(),
                other: pair[1].team.clone(),
                from: pair[1].span.from,
            }),
            None => Ok(self),
        }
    }
}

/// Gives `account` to `person`, taking its days from unconfirmed `others`. Answers everybody who changed, the person
/// last so that the account is free before it is given.
pub fn assign_account(
    person: Person,
    others: Vec<Person>,
    account: &Account,
) -> Result<Vec<Person>, PerformanceError> {
    let mut changed = Vec::new();
    for other in others.into_iter().filter(|other| other.id != person.id && other.holds(account)) {
        if !other.is_unconfirmed() {
            return Err(PerformanceError::AccountTaken { account: account.id.clone(), owner: other.id });
        }
        changed.push(other.give_up(account, &person.id));
    }
    changed.push(person.add_account(account.clone())?);
    Ok(changed)
}

/// Sorted by account and day, with days that meet in one span.
fn coalesced(mut accounts: Vec<Account>) -> Vec<Account> {
    accounts.sort_by(|a, b| (&a.id, a.span.from).cmp(&(&b.id, b.span.from)));
    let mut whole: Vec<Account> = Vec::with_capacity(accounts.len());
    for account in accounts {
        if let Some(before) = whole.last_mut()
            && before.id == account.id
            && let Some(joined) = before.span.joined(account.span)
        {
            before.span = joined;
        } else {
            whole.push(account);
        }
    }
    whole
}

#[cfg(test)]
#[path = "person_tests.rs"]
mod tests;
