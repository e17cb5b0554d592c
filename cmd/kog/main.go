// Command kog executes jobs whose steps run containers.
package main

import (
	"os"

	"gitlab.com/f5-pwe/kog/v3/internal/cli"
)

func main() {
	cli.Dispatch()
	os.Exit(cli.Main(os.Args[1:], cli.System()))
}
