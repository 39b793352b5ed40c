/** One connection's protocol state: windows, packet identifiers, aliases, queues. Pure. */
package io.busbar.session;
