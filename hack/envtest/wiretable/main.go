// Prints how the built-in API types travel: {TYPE: {JSON NAME: [FIELD NUMBER, PRESENCE]}}.
//
// The struct tags of the Go types are the source, as they are for the types' own encoders. TYPE is the name of the type's OpenAPI
// schema. FIELD NUMBER is that of the protobuf message; "2/10" is field 10 of the message in field 2, which JSON flattens. PRESENCE
// says when JSON leaves the field out: "empty" for empty values, "unset" for unset pointers only, "never".
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var types = map[string]map[string][]string{}

func name(t reflect.Type) string {
	path := strings.Split(t.PkgPath(), "/")
	host := strings.Split(path[0], ".")
	for i, j := 0, len(host)-1; i < j; i, j = i+1, j-1 {
		host[i], host[j] = host[j], host[i]
	}
	return strings.Join(append(host, append(path[1:], t.Name())...), ".")
}

// element is the struct type inside pointers, slices and maps, or nil.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		return t
	}
	return nil
}

func presence(field reflect.StructField) string {
	tag := field.Tag.Get("json")
	switch {
	case strings.Contains(tag, "omitzero"):
		return "empty"
	case !strings.Contains(tag, "omitempty"):
		return "never"
	case field.Type.Kind() == reflect.Pointer:
		return "unset"
	case field.Type.Kind() == reflect.Struct:
		return "never"
	}
	return "empty"
}

func fields(t reflect.Type, prefix string, into map[string][]string) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		tag := field.Tag.Get("protobuf")
		json := strings.Split(field.Tag.Get("json"), ",")[0]
		if tag == "" || tag == "-" || json == "-" {
			continue
		}
		number := prefix + strings.Split(tag, ",")[1]
		if json == "" && field.Type.Kind() == reflect.Struct {
			fields(field.Type, number+"/", into)
			continue
		}
		into[json] = []string{number, presence(field)}
		if inner := element(field.Type); inner != nil {
			visit(inner)
		}
	}
}

func visit(t reflect.Type) {
	if _, done := types[name(t)]; !done {
		found := map[string][]string{}
		types[name(t)] = found
		fields(t, "", found)
	}
}

func main() {
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme} {
		if err := add(all); err != nil {
			panic(err)
		}
	}
	for kind, t := range all.AllKnownTypes() {
		if !strings.Contains(kind.Version, "alpha") && !strings.Contains(kind.Version, "beta") {
			visit(t)
		}
	}
	for _, t := range []any{metav1.DeleteOptions{}, metav1.Status{}} {
		visit(reflect.TypeOf(t))
	}
	if err := json.NewEncoder(os.Stdout).Encode(types); err != nil {
		panic(err)
	}
}
