package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envNames are the flags whose environment variable is not KOG_ and the flag's
// name: KOG_CONTEXT is what containers get.
var envNames = map[string]string{"context": "KOG_CONTEXT_SOURCE"}

// notFromEnv are the flags that have no environment variable.
var notFromEnv = map[string]bool{"help": true}

func envName(flag string) string {
	if name, ok := envNames[flag]; ok {
		return name
	}
	return "KOG_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindEnvironment makes every flag of every command take its value from its
// environment variable when it is not given. A list has one value per line.
func bindEnvironment(root *cobra.Command, s *IO) {
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			value, ok := s.Lookup(envName(f.Name))
			if err != nil || f.Changed || notFromEnv[f.Name] || !ok || value == "" {
				return
			}
			values := []string{value}
			if _, list := f.Value.(pflag.SliceValue); list {
				values = strings.Split(strings.TrimRight(value, "\n"), "\n")
			}
			for _, v := range values {
				if setErr := cmd.Flags().Set(f.Name, v); setErr != nil {
					err = fmt.Errorf("environment variable %s: %w", envName(f.Name), setErr)
					return
				}
			}
		})
		return err
	}
}
