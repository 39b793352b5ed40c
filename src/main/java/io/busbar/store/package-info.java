/** Everything that must outlive a connection: the log of the shard's entries and its reading. */
package io.busbar.store;
