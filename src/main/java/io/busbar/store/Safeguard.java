package io.busbar.store;

/**
 * What the promise rests on, one by one. A node has all of them; the simulation, or the chaos run,
 * leaves each out once, to see that it would notice.
 */
enum Safeguard {
  /** What the leader counts as on its disk was synced before. */
  SYNC_BEFORE_COUNT,
  /** Answers wait until what they speak of is synced. */
  HELD_ANSWERS,
  /** A term and a vote are synced before anyone hears of them. */
  SYNCED_TERM,
  /** An entry that is sent again keeps its number. */
  NUMBERS,
  /** Answers of an older term are not counted. */
  STALE_ANSWERS,
  /** A leader's entries that a snapshot here covers are taken as known. */
  BEHIND_SNAPSHOT,
  /** A follower that once asked for votes asks again when its leader dies. */
  VOTES_AGAIN,
  /** A node serves while it holds a grant. */
  LEASE,
  /** A node that is away gets no grants any more. */
  REFUSED_GRANTS,
  /** A node that is away is not taken for gone before its last grant has ended. */
  LEASE_WAIT,
  /** What a connection sent that has not the session any more has no effect. */
  EPOCHS
}
