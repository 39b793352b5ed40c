/**
 * The deterministic machine that keeps what outlives a connection: stored sessions with their
 * subscriptions and inboxes, wills, retained messages. Driven by the entries of a log. Pure: time
 * enters with each entry.
 */
package io.busbar.shard;
