import { createRoot } from 'react-dom/client';
import { Root, startLanguage } from './app/Root';
import { startWorker } from './app/worker';
import './styles/base.css';
import './styles/layout.css';
import './styles/tasks.css';
import './styles/parts.css';
import './styles/views.css';

await startLanguage();
const root = document.getElementById('root');
if (root) createRoot(root).render(<Root />);
startWorker();
