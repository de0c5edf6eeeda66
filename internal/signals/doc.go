// Package signals keeps the application's signals off Go's threads.
package signals
