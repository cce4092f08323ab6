//! The additive integers of a day: what figures are made of.

use std::ops::{AddAssign, Index, IndexMut, SubAssign};

/// One additive count or sum. The order is that of the columns and never matters otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sum {
    /// Conversations.
    Conversations,
    /// Messages that the definition counts as replies.
    Replies,
    /// Quick replies of agents, whether or not they count as replies.
    QuickReplies,
    /// Messages of the customer.
    CustomerMessages,
    /// Response rounds begun in service hours.
    Rounds,
    /// Of those, answered.
    RoundsAnswered,
    /// Of those, answered in time.
    RoundsInTime,
    /// Milliseconds to the answer, over answered rounds.
    ResponseMs,
    /// Conversations whose first round began in service hours.
    FirstAsked,
    /// Of those, answered.
    FirstAnswered,
    /// Of those, answered in time.
    FirstInTime,
    /// Milliseconds to the first answer.
    FirstResponseMs,
    /// Conversations with more replies than the definition's threshold.
    LongChats,
    /// Satisfied customers.
    Satisfied,
    /// Customers who answered the question.
    Rated,
    /// Conversations marked as completed.
    Completed,
    /// Conversations with any mark.
    Marked,
    /// Milliseconds from first to last message.
    LengthMs,
    /// Different customers of the day who wrote.
    AskingCustomers,
    /// Of those, answered at least once.
    AnsweredCustomers,
    /// Different customers of the day with whom both sides exchanged a message.
    ReceivedCustomers,
    /// Different customers of the day who began a round in service hours.
    DueCustomers,
    /// Of those, all answered in time by the definition's unit.
    InTimeCustomers,
    /// Conversations that another account handed over.
    TransferredIn,
    /// Conversations that were handed over to another account.
    TransferredOut,
    /// Replies that the bot proposed and the agent sent.
    AssistedReplies,
}

impl Sum {
    /// All of them, by position.
    pub const ALL: [Self; 26] = [
        Self::Conversations,
        Self::Replies,
        Self::QuickReplies,
        Self::CustomerMessages,
        Self::Rounds,
        Self::RoundsAnswered,
        Self::RoundsInTime,
        Self::ResponseMs,
        Self::FirstAsked,
        Self::FirstAnswered,
        Self::FirstInTime,
        Self::FirstResponseMs,
        Self::LongChats,
        Self::Satisfied,
        Self::Rated,
        Self::Completed,
        Self::Marked,
        Self::LengthMs,
        Self::AskingCustomers,
        Self::AnsweredCustomers,
        Self::ReceivedCustomers,
        Self::DueCustomers,
        Self::InTimeCustomers,
        Self::TransferredIn,
        Self::TransferredOut,
        Self::AssistedReplies,
    ];
}

/// A value for each [`Sum`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums([i64; Sum::ALL.len()]);

impl Index<Sum> for Sums {
    type Output = i64;

    fn index(&self, sum: Sum) -> &i64 {
        &self.0[sum as usize]
    }
}

impl IndexMut<Sum> for Sums {
    fn index_mut(&mut self, sum: Sum) -> &mut i64 {
        &mut self.0[sum as usize]
    }
}

impl AddAssign<&Sums> for Sums {
    fn add_assign(&mut self, other: &Sums) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }
}

impl SubAssign<&Sums> for Sums {
    fn sub_assign(&mut self, other: &Sums) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine -= theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sum_stands_at_its_place() {
        for (at, sum) in Sum::ALL.into_iter().enumerate() {
            assert_eq!(sum as usize, at);
        }
    }

    #[test]
    fn taking_back_what_was_given_leaves_nothing() {
        let mut given = Sums::default();
        for (at, sum) in Sum::ALL.into_iter().enumerate() {
            given[sum] = at as i64 + 1;
        }
        let mut total = Sums::default();
        total += &given;
        assert_eq!(total[Sum::Conversations], 1);
        total -= &given;
        assert_eq!(total, Sums::default());
    }
}
