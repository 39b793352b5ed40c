package io.busbar.shard;

/** Why commands are known not to be applied, now and later. */
public enum Refusal {
  /** There is no room left to keep them. */
  FULL,
  /** Nobody can promise them now: too few replicas are there, or the store is about to stop. */
  UNAVAILABLE
}
