package screen

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// Errors of Open.
var (
	errNoTerminal = errors.New("it is no terminal")
	errDumb       = errors.New("the terminal cannot move its cursor (TERM=dumb)")
)

// usual is the size of a terminal that does not tell its own.
var usual = Size{Width: 80, Height: 24}

// Open gives the screen of a terminal. The error says why w cannot be one.
// lookup finds environment variables: TERM, NO_COLOR (https://no-color.org),
// and LC_ALL, LC_CTYPE and LANG, which tell the character set.
func Open(w io.Writer, lookup func(string) (string, bool)) (*Screen, error) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, errNoTerminal
	}
	name, _ := lookup("TERM")
	if name == "dumb" || name == "" && runtime.GOOS != "windows" {
		return nil, errDumb
	}
	restore, err := enable(f)
	if err != nil {
		return nil, err
	}
	noColor, _ := lookup("NO_COLOR")
	return New(f, Options{
		Size: func() Size {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil || width <= 0 || height <= 0 {
				return usual
			}
			return Size{width, height}
		},
		Color: noColor == "", ASCII: !showsUnicode(runtime.GOOS, lookup), Restore: restore,
	}), nil
}

// showsUnicode reports whether the locale's character set is UTF-8. Windows
// has no such variables, and its consoles get Unicode.
func showsUnicode(goos string, lookup func(string) (string, bool)) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, _ := lookup(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return goos == "windows"
}
