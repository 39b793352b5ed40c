/** The internal protocol: every address and message between verticles. */
package io.busbar.bus;
