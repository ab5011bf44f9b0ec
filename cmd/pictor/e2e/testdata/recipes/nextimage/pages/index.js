import Image from 'next/image';
import dunes from '../imported.jpg';

export default function Page() {
  return (
    <main>
      <Image id="remote" src="https://images.example.com/photos/dunes.jpg" alt="A dune" width={300} height={200}
        quality={50} />
      <Image id="imported" src={dunes} alt="The same dune" sizes="100vw" />
      <Image id="public" src="/dunes.jpg" alt="Once more" width={64} height={43} />
    </main>
  );
}
