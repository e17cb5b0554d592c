package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Labels and annotations of what this package makes.
const (
	labelRole  = "io.kog/role"
	labelStep  = "io.kog/id" // Spec.ID
	roleStep   = "step"
	roleShared = "shared"

	// annotationLabels holds the labels as they were given, which a cluster may
	// not take as its own.
	annotationLabels = "io.kog/labels"
	// annotationExit holds how a container ended whose pod had to go.
	annotationExit = "io.kog/exit"
)

// labels gives the labels of an object: those asked for, in a form that a
// cluster takes, and this package's own.
func labels(given map[string]string, role, id string) map[string]string {
	out := make(map[string]string, len(given)+2)
	for k, v := range given {
		out[labelKey(k)] = labelValue(v)
	}
	out[labelRole] = role
	if id != "" {
		out[labelStep] = id
	}
	return out
}

// labelKey keeps a name that is fit for a cluster, and stands for any other.
func labelKey(s string) string {
	if len(validation.IsQualifiedName(s)) == 0 {
		return s
	}
	return "io.kog/x-" + short(s)
}

func labelValue(s string) string {
	if len(validation.IsValidLabelValue(s)) == 0 {
		return s
	}
	return "x-" + short(s)
}

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:12])
}

func annotations(given map[string]string) map[string]string {
	if given == nil {
		given = map[string]string{}
	}
	data, err := json.Marshal(given)
	if err != nil {
		panic(err) // strings only
	}
	return map[string]string{annotationLabels: string(data)}
}

// carries reports whether an object was given all of these labels.
func carries(annotations, want map[string]string) bool {
	var given map[string]string
	if json.Unmarshal([]byte(annotations[annotationLabels]), &given) != nil {
		return false
	}
	for k, v := range want {
		if got, ok := given[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// selector finds what may carry these labels.
func selector(want map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		parts = append(parts, labelKey(k)+"="+labelValue(want[k]))
	}
	return strings.Join(append(parts, labelRole), ",")
}
