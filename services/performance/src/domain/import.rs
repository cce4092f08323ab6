//! What a people file means for the directory: who is created, who changes, who is left as they were and why.
//!
//! A person of the file is taken whole or not at all. The columns of the file are the whole truth about the people it
//! names: a file with team columns replaces all their stays, one with account columns all their accounts; what the
//! file has no columns for, and who it doesn't name, stays. Unconfirmed people who are not named give up accounts
//! that the file gives to somebody.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use runtime::ids::{AccountId, PersonId, TeamId};

use crate::domain::person::{Account, Person, PersonStatus};
use crate::domain::sheet::{Entry, LineError, Sheet};
use crate::domain::team::Team;
use crate::error::PerformanceError;

/// A merchant's directory, whole.
#[derive(Debug, Default)]
pub struct Directory {
    /// Everybody, merged people too.
    pub people: BTreeMap<PersonId, Person>,
    /// All teams.
    pub teams: BTreeMap<TeamId, Team>,
}

/// The outcome of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// Teams to add.
    pub teams: Vec<Team>,
    /// People to save, whoever gives something up before whoever gets it.
    pub people: Vec<Person>,
    /// People who are new.
    pub created: usize,
    /// People who change.
    pub updated: usize,
    /// People who are as the file says.
    pub unchanged: usize,
    /// People who are left as they were because of an error.
    pub rejected: usize,
    /// In the order of the lines.
    pub errors: Vec<LineError>,
}

impl ImportPlan {
    /// Works out what `sheet` means for `directory`.
    pub fn new(sheet: Sheet, directory: &Directory, now: DateTime<Utc>) -> Self {
        let new_teams = TeamsOfFile::new(&sheet, directory);
        let mut draft = Draft { directory, wanted: BTreeMap::new(), errors: sheet.errors };
        let mut rejected = 0;
        for entry in &sheet.entries {
            let wanted = if entry.bad {
                None
            } else {
                draft.want(entry, sheet.has_teams, sheet.has_accounts, &new_teams, now)
            };
            match wanted {
                Some(person) => drop(draft.wanted.insert(entry.id.clone(), (entry, person))),
                None => rejected += 1,
            }
        }
        rejected += draft.reject_account_clashes();
        draft.finish(rejected, &new_teams)
    }
}

/// Teams that a file may add, by id.
struct TeamsOfFile {
    names: BTreeMap<TeamId, String>,
}

impl TeamsOfFile {
    fn new(sheet: &Sheet, directory: &Directory) -> Self {
        let mut names = BTreeMap::new();
        let stays = sheet.entries.iter().filter(|entry| !entry.bad).flat_map(|entry| &entry.memberships);
        for (_, stay, name) in stays {
            if !name.is_empty() && !directory.teams.contains_key(&stay.team) {
                names.entry(stay.team.clone()).or_insert_with(|| name.clone());
            }
        }
        Self { names }
    }
}

/// Who has an account when, and the line that says so, if the file does.
type Held<'a> = (&'a Person, &'a Account, Option<u64>);

struct Draft<'a> {
    directory: &'a Directory,
    wanted: BTreeMap<PersonId, (&'a Entry, Person)>,
    errors: Vec<LineError>,
}

impl Draft<'_> {
    /// The person as the file wants them; `None` and noted errors if they can't be so.
    fn want(
        &mut self,
        entry: &Entry,
        has_teams: bool,
        has_accounts: bool,
        new_teams: &TeamsOfFile,
        now: DateTime<Utc>,
    ) -> Option<Person> {
        let stored = self.directory.people.get(&entry.id);
        let errors_before = self.errors.len();
        if entry.details.status == PersonStatus::Unconfirmed && !stored.is_some_and(Person::is_unconfirmed) {
            let text = "only who is unconfirmed already may stay so";
            self.note(entry.line, "status", "BAD_STATUS", text);
        }
        for (line, stay, name) in &entry.memberships {
            let kept = stored.is_some_and(|person| person.memberships.contains(stay));
            if let Some((field, reason, text)) = self.team_refusal(&stay.team, name, kept, new_teams) {
                self.note(*line, field, reason, text);
            }
        }
        if self.errors.len() > errors_before {
            return None;
        }
        let base =
            stored.cloned().unwrap_or_else(|| Person::new(entry.id.clone(), entry.details.clone(), now));
        let mut built = base.revise(entry.details.clone());
        if has_teams {
            let stays = entry.memberships.iter().map(|(_, stay, _)| stay.clone()).collect();
            built = built.and_then(|person| person.with_memberships(stays));
        }
        if has_accounts {
            let accounts = entry.accounts.iter().map(|(_, account)| account.clone()).collect();
            built = built.and_then(|person| person.with_accounts(accounts));
        }
        built.map_err(|error| self.note_refusal(entry, &error)).ok()
    }

    fn team_refusal(
        &self,
        id: &TeamId,
        name: &str,
        kept: bool,
        new_teams: &TeamsOfFile,
    ) -> Option<(&'static str, &'static str, String)> {
        if let Some(team) = self.directory.teams.get(id) {
            if !name.is_empty() && team.name != name {
                let text =
                    format!("team {id} is called otherwise here; rename it first, or leave the name out");
                return Some(("team_name", "TEAM_NAME_DIFFERS", text));
            }
            return (team.archived && !kept)
                .then(|| ("team_id", "TEAM_ARCHIVED", format!("team {id} is archived")));
        }
        let Some(new_name) = new_teams.names.get(id) else {
            return Some((
                "team_id",
                "UNKNOWN_TEAM",
                format!("there is no team {id}; to create it, give its team_name"),
            ));
        };
        if !name.is_empty() && name != new_name {
            return Some(("team_name", "TEAM_NAME_DIFFERS", format!("the file gives team {id} two names")));
        }
        let old = self.directory.teams.values().any(|team| team.name == *new_name);
        let new = new_teams.names.iter().any(|(other, name)| other < id && name == new_name);
        (old || new).then(|| ("team_name", "TEAM_NAME_TAKEN", "another team has this name".to_owned()))
    }

    fn note_refusal(&mut self, entry: &Entry, error: &PerformanceError) {
        match error {
            PerformanceError::MembershipOverlaps { team, from, .. } => {
                let clash = entry.memberships.iter().rev().find(|(_, stay, _)| stay.span.from == *from);
                let line = clash.map_or(entry.line, |(line, ..)| *line);
                let text = format!("in team {team} on {from} already");
                self.note(line, "team_from", "MEMBERSHIP_OVERLAPS", text);
            }
            PerformanceError::PersonMerged { into, .. } => {
                self.note(entry.line, "person_id", "PERSON_MERGED", format!("was merged into {into}"));
            }
            other => self.note(entry.line, "", "REFUSED", other.to_string()),
        }
    }

    /// Rejects whoever asks for an account that somebody else keeps, the later line first. Who is rejected keeps what
    /// they had, which may clash again: so until nothing clashes. Answers how many were rejected.
    fn reject_account_clashes(&mut self) -> usize {
        let mut rejected = 0;
        while let Some((loser, line, account, owner)) = self.account_clash() {
            self.wanted.remove(&loser);
            rejected += 1;
            self.note(
                line,
                "account_id",
                "ACCOUNT_TAKEN",
                format!("account {account} is {owner}'s on one of these days"),
            );
        }
        rejected
    }

    fn account_clash(&self) -> Option<(PersonId, u64, AccountId, PersonId)> {
        let mut holders: BTreeMap<&AccountId, Vec<Held<'_>>> = BTreeMap::new();
        for person in self.as_wanted() {
            let entry = self.wanted.get(&person.id).map(|(entry, _)| *entry);
            for account in &person.accounts {
                let line = entry.map(|entry| {
                    let named = entry.accounts.iter().find(|(_, a)| a.id == account.id);
                    named.map_or(entry.line, |(line, _)| *line)
                });
                // Who is unconfirmed and not named gives way.
                if line.is_some() || !person.is_unconfirmed() {
                    holders.entry(&account.id).or_default().push((person, account, line));
                }
            }
        }
        for (account, mut held) in holders {
            held.sort_by_key(|(_, account, _)| account.span.from);
            let clash = held.windows(2).find(|pair| pair[0].1.span.overlaps(pair[1].1.span));
            // Of two the one that the file names later loses; who is not named can't.
            let Some([first, second]) = clash else { continue };
            let (loser, owner) = if first.2 > second.2 { (first, second) } else { (second, first) };
            return Some((loser.0.id.clone(), loser.2?, account.clone(), owner.0.id.clone()));
        }
        None
    }

    fn as_wanted(&self) -> impl Iterator<Item = &Person> {
        let stored = self.directory.people.values().filter(|person| !self.wanted.contains_key(&person.id));
        stored.chain(self.wanted.values().map(|(_, person)| person))
    }

    fn finish(mut self, rejected: usize, new_teams: &TeamsOfFile) -> ImportPlan {
        self.errors.sort_by_key(|error| error.line);
        let mut plan = ImportPlan { rejected, errors: self.errors, ..ImportPlan::default() };
        let mut used = BTreeSet::new();
        let mut changed = Vec::new();
        for (id, (_, person)) in self.wanted {
            let stored = self.directory.people.get(&id);
            match stored {
                None => plan.created += 1,
                Some(stored) if *stored == person => plan.unchanged += 1,
                Some(_) => plan.updated += 1,
            }
            if stored != Some(&person) {
                used.extend(person.memberships.iter().map(|stay| stay.team.clone()));
                changed.push(person);
            }
        }
        let named: BTreeSet<&PersonId> = changed.iter().map(|person| &person.id).collect();
        for giver in self.directory.people.values().filter(|p| p.is_unconfirmed() && !named.contains(&p.id)) {
            let taken = changed
                .iter()
                .flat_map(|taker| taker.accounts.iter().map(move |account| (account, &taker.id)));
            let left = taken.fold(giver.clone(), |giver, (account, taker)| giver.give_up(account, taker));
            if left != *giver {
                plan.people.push(left);
            }
        }
        let added = new_teams.names.iter().filter(|(id, _)| used.contains(*id));
        plan.teams = added.map(|(id, name)| Team::new(id.clone(), name.clone())).collect();
        plan.people.extend(changed);
        plan
    }

    fn note(&mut self, line: u64, field: &'static str, reason: &'static str, description: impl Into<String>) {
        self.errors.push(LineError { line, field, reason, description: description.into() });
    }
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
