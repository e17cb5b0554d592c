package executor_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func TestParseVolume(t *testing.T) {
	tests := []struct {
		in   string
		want executor.Volume
		bind bool
		text string // what String gives, when it is not in
	}{
		{in: "/data", want: executor.Volume{Target: "/data"}},
		{in: "/host:/data", want: executor.Volume{Source: "/host", Target: "/data"}, bind: true},
		{in: "/host:/data/", want: executor.Volume{Source: "/host", Target: "/data"}, bind: true, text: "/host:/data"},
		{in: "/host:/data:ro", want: executor.Volume{Source: "/host", Target: "/data", ReadOnly: true}, bind: true},
		{in: "/host:/data:rw", want: executor.Volume{Source: "/host", Target: "/data"}, bind: true, text: "/host:/data"},
		{in: "/:/host:ro,rslave", want: executor.Volume{Source: "/", Target: "/host", ReadOnly: true, Options: []string{"rslave"}}, bind: true},
		{in: "/h:/d:z,rshared,ro", want: executor.Volume{Source: "/h", Target: "/d", ReadOnly: true, Options: []string{"rshared", "z"}}, bind: true, text: "/h:/d:ro,rshared,z"},
		{in: "cache:/data", want: executor.Volume{Source: "cache", Target: "/data"}},
		{in: "my_cache.v-1:/data:nocopy", want: executor.Volume{Source: "my_cache.v-1", Target: "/data", Options: []string{"nocopy"}}},
		{in: "/a b:/c d", want: executor.Volume{Source: "/a b", Target: "/c d"}, bind: true},
		{in: "secret/my.token-1:/etc/token:ro", want: executor.Volume{Source: "secret/my.token-1", Target: "/etc/token", ReadOnly: true}},
		{in: "configmap/site:/etc/site", want: executor.Volume{Source: "configmap/site", Target: "/etc/site"}},
		{in: `C:\work:/data`, want: executor.Volume{Source: `C:\work`, Target: "/data"}, bind: true},
		{in: `c:/work:/data:ro`, want: executor.Volume{Source: `c:/work`, Target: "/data", ReadOnly: true}, bind: true},
		{in: `\\server\share:/data`, want: executor.Volume{Source: `\\server\share`, Target: "/data"}, bind: true},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := executor.ParseVolume(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseVolume (-want +got):\n%s", diff)
			}
			if got.Bind() != tt.bind {
				t.Errorf("Bind() = %v, want %v", got.Bind(), tt.bind)
			}
			if tt.text == "" {
				tt.text = tt.in
			}
			if got.String() != tt.text {
				t.Errorf("String() = %q, want %q", got.String(), tt.text)
			}
			again, err := executor.ParseVolume(got.String())
			if err != nil || !cmp.Equal(got, again) {
				t.Errorf("String() = %q does not parse back: %+v, %v", got.String(), again, err)
			}
		})
	}
}

func TestParseVolumeErrors(t *testing.T) {
	tests := map[string]string{
		"secret/:/data":      "cannot be the name of a secret",
		"secret/Upper:/data": "cannot be the name of a secret",
		"secret/a/b:/data":   "cannot be the name of a secret",
		"configmap/-x:/data": "cannot be the name of a configmap",
		"pvc/x:/data":        "neither an absolute path nor a volume name",
		"":                   "is empty",
		":/data":             "empty source",
		"data":               "not absolute",
		"/host:data":         "not absolute",
		"/host:":             "not absolute",
		"/data:ro":           "not absolute",
		"/host:/":            "must not be /",
		"/host:/x/..":        "must not be /",
		"./here:/data":       "neither an absolute path nor a volume name",
		"a/b:/data":          "neither an absolute path nor a volume name",
		"~/x:/data":          "neither an absolute path nor a volume name",
		"x:/data":            "not absolute", // reads as a Windows drive
		"/host:/data:":       `unknown option ""`,
		"/host:/data:rx":     `unknown option "rx"`,
		"/host:/data:RO":     `unknown option "RO"`,
		"/host:/data:ro,":    `unknown option ""`,
		"/host:/data:ro:z":   "too many colons",
		"/h:/d:ro,rw":        "options ro and rw exclude each other",
		"/h:/d:z,Z":          "options z and Z exclude each other",
		"/h:/d:ro,ro":        "options ro and ro exclude each other",
		"/h:/d:nocopy":       "named volumes only",
		"cache:/d:rslave":    "host paths only",
		`C:\a:C:\b`:          "not absolute",
		`C:\a`:               "not absolute",
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			got, err := executor.ParseVolume(in)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("ParseVolume = %+v, %v; want an error with %q", got, err, want)
			}
		})
	}
}

func FuzzParseVolume(f *testing.F) {
	for _, seed := range []string{"/a:/b:ro,z", `C:\a:/b`, "name:/b", "::", "/a:/b:rshared"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := executor.ParseVolume(in)
		if err != nil {
			return
		}
		again, err := executor.ParseVolume(v.String())
		if err != nil || !cmp.Equal(v, again) {
			t.Errorf("%q gives %+v, whose text %q gives %+v, %v", in, v, v.String(), again, err)
		}
	})
}
