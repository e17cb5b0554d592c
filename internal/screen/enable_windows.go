package screen

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// enable makes a console understand escape sequences.
func enable(f *os.File) (restore func(), err error) {
	console := windows.Handle(f.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return nil, fmt.Errorf("ask for the console's mode: %w", err)
	}
	if err := windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return nil, fmt.Errorf("the console cannot move its cursor: %w", err)
	}
	return func() { _ = windows.SetConsoleMode(console, mode) }, nil
}
