import Image from 'next/image';
import dunes from './dunes.jpg';

export default function Page() {
  return (
    <main>
      <Image id="remote" src="https://images.example.com/photos/dunes.jpg" alt="A dune" width={300} height={200}
        quality={50} />
      <Image id="imported" src={dunes} alt="Another dune" sizes="100vw" />
    </main>
  );
}
