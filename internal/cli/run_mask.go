package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3/internal/mask"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func (o *runOptions) addMaskFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.maskNames, "mask", nil,
		"`NAME` of an environment variable whose value is never shown or written down (repeatable); names such as *TOKEN* need no mention")
}

// hide gets ready to mask the secrets of an environment and, once it is known,
// of a job. Who has both is told about names that mean nothing.
func (o *runOptions) hide(env environment, j *job.Job) error {
	steps := append([]mask.Source{{Vars: env.over}, {Name: "imported", Vars: env.base}}, mask.Actions(j)...)
	o.mask = mask.New(o.maskNames, append(steps, mask.Source{Name: "given", Vars: o.secrets()})...)
	for _, name := range o.maskNames {
		if name == "" || strings.Contains(name, "=") {
			before, _, _ := strings.Cut(name, "=")
			return fmt.Errorf("--mask %q: want the name of an environment variable, without its value", before)
		}
		if j != nil && !o.given(name, steps) {
			return fmt.Errorf("--mask %s: no step gets an environment variable of that name, and it is not set in the environment of kog", name)
		}
	}
	return nil
}

// given reports whether kog or any step has a variable.
func (o *runOptions) given(name string, sources []mask.Source) bool {
	_, own := o.io.Lookup(name)
	return own || slices.ContainsFunc(sources, func(s mask.Source) bool {
		_, ok := s.Vars[name]
		return ok
	})
}

// secrets are the variables that --mask names, with the values that they have
// in kog's own environment.
func (o *runOptions) secrets() map[string]string {
	secrets := make(map[string]string, len(o.maskNames))
	for _, name := range o.maskNames {
		secrets[name], _ = o.io.Lookup(name)
	}
	return secrets
}

// masked masks what is told about an error, with all its details.
func (o *runOptions) masked(err error) error {
	var exit exitError
	if err == nil || errors.As(err, &exit) {
		return err
	}
	text := message(err)
	if masked := o.mask.String(text); masked != text {
		return errors.New(masked)
	}
	return err
}
