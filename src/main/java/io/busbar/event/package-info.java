/** CloudEvents, routes, retry schedule. Pure. */
package io.busbar.event;
