package docker

import (
	"fmt"
	"maps"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// lacking is what no engine has that is driven here, and what one flavour lacks
// besides.
func lacking(own map[executor.Feature]string) map[executor.Feature]string {
	all := map[executor.Feature]string{
		executor.FeatureClusterVolumes: "only Kubernetes has these; mount a file or a folder of the host, or use the k8s executor",
		executor.FeatureWorkspace:      "no volume is made for a run; mount a named volume or a folder of the host",
	}
	maps.Copy(all, own)
	return all
}

// refuse says what a spec asks for that the engine lacks.
func (f flavour) refuse(spec executor.Spec) error {
	type wish struct {
		what    string
		feature executor.Feature
	}
	var asked []wish
	if !spec.GPUs.None() {
		asked = append(asked, wish{"gpus", executor.FeatureGPUs})
	}
	for _, v := range spec.Volumes {
		if kind, _ := v.Cluster(); kind != "" {
			asked = append(asked, wish{"volume " + v.String(), executor.FeatureClusterVolumes})
		}
	}
	if spec.Workspace.ID != "" {
		asked = append(asked, wish{"workspace", executor.FeatureWorkspace})
	}
	for _, w := range asked {
		if why, bad := f.unsupported[w.feature]; bad {
			return fmt.Errorf("%s: %s: %w", w.what, why, executor.ErrUnsupported)
		}
	}
	return nil
}
