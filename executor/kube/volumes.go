package kube

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker/go-units"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// emptyVolume is the source of a volume that begins empty and ends with the
// container.
const emptyVolume = "empty"

// mounts gathers the volumes of a pod and where they are in the container.
type mounts struct {
	volumes []corev1.Volume
	mounts  []corev1.VolumeMount
}

func (m *mounts) add(source corev1.VolumeSource, at corev1.VolumeMount) {
	at.Name = fmt.Sprintf("kog-%d", len(m.volumes))
	m.volumes = append(m.volumes, corev1.Volume{Name: at.Name, VolumeSource: source})
	m.mounts = append(m.mounts, at)
}

// addVolumes mounts what --volume asks for.
func (m *mounts) addVolumes(list []executor.Volume) {
	for _, v := range list {
		at := corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly}
		if p := propagation(v.Options); p != "" {
			at.MountPropagation = &p
		}
		m.add(volumeSource(v), at)
	}
}

func volumeSource(v executor.Volume) corev1.VolumeSource {
	kind, name := v.Cluster()
	switch {
	case kind == "secret":
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}
	case kind == "configmap":
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
	case v.Source == "" || v.Source == emptyVolume:
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	case v.Bind():
		return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: v.Source}}
	}
	return claimSource(v.Source)
}

func claimSource(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

// propagation translates mount(8)'s words, which docker has too. Of its other
// options, nocopy and SELinux labels are what a cluster does anyway.
func propagation(options []string) corev1.MountPropagationMode {
	switch {
	case slices.Contains(options, "shared"), slices.Contains(options, "rshared"):
		return corev1.MountPropagationBidirectional
	case slices.Contains(options, "slave"), slices.Contains(options, "rslave"):
		return corev1.MountPropagationHostToContainer
	case slices.Contains(options, "private"), slices.Contains(options, "rprivate"):
		return corev1.MountPropagationNone
	}
	return ""
}

// addTmpfs mounts file systems in memory, /dev/shm among them.
func (m *mounts) addTmpfs(spec executor.Spec) error {
	for _, t := range spec.Tmpfs {
		at := corev1.VolumeMount{MountPath: t.Target}
		var size int64
		for option := range strings.SplitSeq(t.Options, ",") {
			name, value, _ := strings.Cut(option, "=")
			switch name {
			case "", "rw", "exec", "suid", "dev": // as it is there
			case "mode":
				if strings.TrimLeft(value, "01") != "777" {
					return &executor.SettingError{Key: "tmpfs", Err: fmt.Errorf(
						"%s: mode %s: on Kubernetes every user may write to it: %w", t.Target, value, executor.ErrUnsupported)}
				}
			case "ro":
				at.ReadOnly = true
			case "size":
				n, err := units.RAMInBytes(value)
				if err != nil {
					return &executor.SettingError{Key: "tmpfs", Err: fmt.Errorf("%s: size %q is not one", t.Target, value)}
				}
				size = n
			default:
				return &executor.SettingError{Key: "tmpfs", Err: fmt.Errorf(
					"%s: option %s: Kubernetes has size, mode=1777 and ro only: %w", t.Target, option, executor.ErrUnsupported)}
			}
		}
		m.add(memory(size), at)
	}
	if spec.ShmSize > 0 {
		m.add(memory(spec.ShmSize), corev1.VolumeMount{MountPath: "/dev/shm"})
	}
	return nil
}

func memory(size int64) corev1.VolumeSource {
	source := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
	if size > 0 {
		source.SizeLimit = resource.NewQuantity(size, resource.BinarySI)
	}
	return corev1.VolumeSource{EmptyDir: source}
}

// joinName is the container that does it.
const joinName = "kog-files"

// partsDir is where a file that is larger than a Secret is put together.
const partsDir = "/kog-parts"

// addFiles mounts the files of a spec. Those in several parts are put together
// by a container that runs before; nil when there are none.
func (m *mounts) addFiles(files []executor.File, parts [][]ref, image string) *corev1.Container {
	join := &corev1.Container{Name: joinName, Image: image}
	var script []string
	joined := -1
	for i, f := range files {
		if len(parts[i]) == 1 {
			r := parts[i][0]
			m.add(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: r.secret}},
				corev1.VolumeMount{MountPath: f.Path, SubPath: r.key, ReadOnly: true})
			continue
		}
		if joined < 0 {
			joined = len(m.volumes)
			name := fmt.Sprintf("kog-%d", joined)
			m.volumes = append(m.volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			join.VolumeMounts = append(join.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: partsDir + "/out"})
		}
		out := fmt.Sprintf("file-%d", i)
		m.mounts = append(m.mounts, corev1.VolumeMount{Name: m.volumes[joined].Name, MountPath: f.Path, SubPath: out, ReadOnly: true})
		command := "cat"
		for _, r := range parts[i] {
			command += " " + m.addPart(join, r)
		}
		script = append(script, command+" > "+path.Join(partsDir, "out", out))
	}
	if joined < 0 {
		return nil
	}
	join.Command = []string{"sh", "-c", "umask 022 && " + strings.Join(script, " && ")}
	return join
}

// addPart mounts a part of a file for the container that puts it together, and
// gives its path.
func (m *mounts) addPart(join *corev1.Container, r ref) string {
	name := fmt.Sprintf("kog-%d", len(m.volumes))
	m.volumes = append(m.volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: r.secret},
	}})
	dir := path.Join(partsDir, name)
	join.VolumeMounts = append(join.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: dir, ReadOnly: true})
	return path.Join(dir, r.key)
}
