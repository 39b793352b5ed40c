/** Routing of messages as CloudEvents. */
package io.busbar.delivery;
