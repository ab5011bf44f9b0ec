// Command manifests reads Kubernetes manifests from standard input and decodes each with the types of the API, strictly:
// an unknown or repeated field, a wrong type or an unknown kind is an error. It prints the kinds and names.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	log.SetFlags(0)
	if err := monitoring.AddToScheme(scheme.Scheme); err != nil {
		log.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		object, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			log.Fatalf("%v in\n%s", err, document)
		}
		named, err := meta.Accessor(object)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(kind.GroupVersion(), kind.Kind, named.GetName())
	}
}
