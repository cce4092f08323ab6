//! The people directory in SQL. The tables are the directory library's; they are only read.

/// Whose the account of a row `r` was on its day. Two owners of one day exist only while an account moves; the later
/// one is who gets it.
pub(super) const PERSON_OF_ROW: &str = "(SELECT a.person_id FROM accounts a \
     WHERE a.merchant_id = r.merchant_id AND a.account_id = r.account_id AND r.business_day BETWEEN a.from_day AND a.to_day \
     ORDER BY a.from_day DESC, a.person_id LIMIT 1)";

/// Who reviews in the merchant `$1`: those with a capacity set, and everybody with the reviewer's role; `$2` is the
/// capacity of those for whom none was set. Nobody who has left.
pub(super) const REVIEWERS: &str = "SELECT who.person_id, COALESCE(p.name, '') AS name, COALESCE(c.capacity, $2) AS capacity, \
        c.capacity IS NOT NULL AS capacity_set \
     FROM (SELECT person_id FROM reviewers WHERE merchant_id = $1 \
           UNION SELECT person_id FROM people WHERE merchant_id = $1 AND 'reviewer' = ANY (roles)) who \
     LEFT JOIN people p ON p.merchant_id = $1 AND p.person_id = who.person_id \
     LEFT JOIN reviewers c ON c.merchant_id = $1 AND c.person_id = who.person_id \
     WHERE p.status IS DISTINCT FROM 5";
